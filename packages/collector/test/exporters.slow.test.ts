import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type CollectorProcess, startProcess } from "./process.js";

const TRACE_ID = "5b8efff798038103d269b633813fc60c";
const REQUEST = {
  resourceSpans: [
    {
      resource: { attributes: [{ key: "service.name", value: { stringValue: "sent-on" } }] },
      scopeSpans: [
        {
          spans: [
            {
              traceId: TRACE_ID,
              spanId: "eee19b7ec3c1b174",
              name: "GET /",
              kind: 2,
              startTimeUnixNano: String(Date.now() * 1e6),
              endTimeUnixNano: String((Date.now() + 5) * 1e6),
            },
          ],
        },
      ],
    },
  ],
};

test("what one collector takes in reaches every one of its exporters", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tocsin-exporters-"));
  const running: CollectorProcess[] = [];
  try {
    const first = await startProcess({ args: ["--config", await config("first", "store: none\n")] });
    running.push(first);
    const second = await startProcess({ args: ["--config", await config("second", "store: none\n")] });
    running.push(second);
    const exporters = [first, second].map(
      ({ otlpHttpPort }, index) =>
        `  - { name: n${index}, otlp: { endpoints: ["http://127.0.0.1:${otlpHttpPort}"] } }\n`,
    );
    const source = await startProcess({
      args: ["--config", await config("source", `store: none\nexporters:\n${exporters.join("")}`)],
    });
    running.push(source);
    const response = await fetch(`http://127.0.0.1:${source.otlpHttpPort}/v1/traces`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(REQUEST),
    });
    expect(response.status).toBe(200);
    for (const { url } of [first, second]) {
      await expect
        .poll(async () => (await (await fetch(`${url}/api/v1/services`)).json()) as { service: string }[], {
          timeout: 10_000,
        })
        .toMatchObject([{ service: "sent-on" }]);
    }
  } finally {
    for (const process of running) await process.stop();
    await rm(folder, { recursive: true });
  }

  async function config(name: string, text: string): Promise<string> {
    const file = join(folder, `${name}.yaml`);
    await writeFile(file, text);
    return file;
  }
}, 40_000);
