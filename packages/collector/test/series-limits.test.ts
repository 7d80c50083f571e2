// A service that makes series without end, at a real collector's door: told, counted, found by the doctor.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { doctor } from "../src/cli/doctor.js";
import { type CollectorProcess, startProcess } from "./process.js";
import { runCommand } from "./run-command.js";

let folder: string;
let collector: CollectorProcess;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tocsin-series-"));
  const file = join(folder, "tocsin.yaml");
  await writeFile(file, "store: none\nmetrics: { max_series_per_metric_of_service: 3 }\n");
  collector = await startProcess({ args: ["--config", file] });
});

afterAll(async () => {
  await collector.stop();
  await rm(folder, { recursive: true, force: true });
});

const text = (key: string, value: string) => ({ key, value: { stringValue: value } });

/** One point for each user. */
async function send(service: string, users: readonly string[], kind: "sum" | "histogram" = "sum") {
  const timeUnixNano = `${Date.now()}000000`;
  const dataPoints = users.map((user) => ({
    timeUnixNano,
    attributes: [text("user", user)],
    ...(kind === "sum" ? { asInt: "1" } : { count: "1", sum: 1, bucketCounts: ["1"], explicitBounds: [] }),
  }));
  const data = { aggregationTemporality: 2, dataPoints, ...(kind === "sum" && { isMonotonic: true }) };
  const metrics = [{ name: `logins.${kind}`, [kind]: data }];
  const resource = { attributes: [text("service.name", service)] };
  const response = await fetch(`http://127.0.0.1:${collector.otlpHttpPort}/v1/metrics`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ resourceMetrics: [{ resource, scopeMetrics: [{ metrics }] }] }),
  });
  return [response.status, await response.json()] as const;
}

async function count(promql: string): Promise<number> {
  const url = `${collector.url}/prometheus/api/v1/query?query=${encodeURIComponent(`count(${promql})`)}`;
  const body = (await (await fetch(url)).json()) as { data: { result: { value: [number, string] }[] } };
  return Number(body.data.result[0]?.value[1] ?? 0);
}

async function own(name: string, label: string): Promise<number> {
  const lines = (await (await fetch(`${collector.url}/metrics`)).text()).split("\n");
  const line = lines.find((each) => each.startsWith(`${name}{`) && each.includes(label));
  return Number(line?.slice(line.lastIndexOf(" ") + 1) ?? 0);
}

test.each([
  { kind: "sum", metric: "logins_sum_total", named: "logins.sum", samples: 1 },
  { kind: "histogram", metric: "logins_histogram_bucket", named: "logins.histogram", samples: 3 },
] as const)(
  "$kind: series beyond the limit are refused, their sender is told",
  async ({ kind, metric, named, samples }) => {
    const dropped = () => own("tocsin_head_samples_dropped_total", 'reason="series_per_metric"');
    const rejected = () => own("tocsin_receive_rejected_items_total", 'reason="series_limit"');
    const [droppedBefore, rejectedBefore] = [await dropped(), await rejected()];
    expect(await send("wild", ["a", "b", "c"], kind)).toEqual([200, {}]);
    await expect.poll(() => count(`${metric}{job="wild"}`)).toBe(3);
    expect(await send("wild", ["c", "d", "e", "d"], kind)).toEqual([
      200,
      {
        partialSuccess: {
          rejectedDataPoints: "3",
          errorMessage: `metric ${named} would have more series than metrics.max_series_per_metric_of_service allows`,
        },
      },
    ]);
    await expect.poll(dropped).toBe(droppedBefore + 3 * samples);
    expect(await rejected()).toBe(rejectedBefore + 3);
    // Others, and what is known, go on.
    expect(await send("calm", ["d", "e"], kind)).toEqual([200, {}]);
    expect(await send("wild", ["a", "b", "c"], kind)).toEqual([200, {}]);
    await expect.poll(() => count(`${metric}{job="calm"}`)).toBe(2);
    expect(await count(`${metric}{job="wild"}`)).toBe(3);

    const { code, out } = await runCommand(doctor, ["--url", collector.url]);
    expect(code).toBe(0);
    expect(out).toMatch(
      new RegExp(
        `! new series of ${metric} of service "wild" are refused, last \\d+ s ago: metrics.max_series_per_metric_of_service is reached`,
      ),
    );
  },
);
