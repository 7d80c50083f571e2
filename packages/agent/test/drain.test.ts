import { Agent, get, type IncomingMessage } from "node:http";
import { afterAll, beforeAll, test } from "vitest";
import { SLOW } from "./support/ends.js";
import { Service } from "./support/service.js";
import { Sink } from "./support/sink.js";

let sink: Sink;
beforeAll(async () => {
  sink = await Sink.open();
});
afterAll(() => sink.close());

const agent = new Agent({ keepAlive: true });
afterAll(() => agent.destroy());

/** Asks over a connection that is kept alive. */
function ask(
  url: string,
): Promise<{ status: number | undefined; connection: string | undefined; text: string }> {
  return new Promise((resolve, reject) => {
    get(url, { agent }, (answer: IncomingMessage) => {
      let text = "";
      answer.on("data", (part) => {
        text += part;
      });
      answer.on("end", () =>
        resolve({ status: answer.statusCode, connection: answer.headers.connection, text }),
      );
    }).on("error", reject);
  });
}

test.concurrent("a service that leaves its end to health() serves what it has, then the signal ends it, with everything delivered", async ({
  expect,
}) => {
  const env = { ...SLOW, OTEL_SERVICE_NAME: "drained" };
  const service = new Service("drained.cjs", sink.url, { env });
  const url = await service.listening();
  const slow = ask(`${url}/slow`);
  expect(await service.message()).toBe("under way");
  service.child.kill("SIGTERM");
  // Nobody has ever asked for readiness, so that nobody need be told.
  await expect
    .poll(() =>
      ask(`${url}/livez`).then(
        () => "accepts",
        () => "refuses",
      ),
    )
    .toBe("refuses");
  service.child.send("go");
  expect(await slow).toEqual({ status: 200, connection: "close", text: "served" });
  expect(await service.ended).toMatchObject({ code: null, signal: "SIGTERM" });
  const names = sink.spans.filter(({ resource }) => resource["service.name"] === "drained");
  expect(names.map(({ name }) => name)).toContain("GET /slow");
});

test.concurrent("where readiness is asked for, it is answered 503 for a while before connections are refused", async ({
  expect,
}) => {
  const service = new Service("drained.cjs", sink.url);
  const url = await service.listening();
  expect(await ask(`${url}/readyz`)).toMatchObject({ status: 200, connection: "keep-alive" });
  service.child.kill("SIGTERM");
  await expect
    .poll(() => ask(`${url}/readyz`))
    .toEqual({ status: 503, connection: "close", text: `{"status":"stopping"}\n` });
  // A second signal does not wait.
  service.child.kill("SIGTERM");
  expect(await service.ended).toMatchObject({ code: null, signal: "SIGTERM" });
});

test.concurrent("without the agent running, health() does the same", async ({ expect }) => {
  const service = new Service("drained.cjs", sink.url, { nodeArgs: [] });
  const url = await service.listening();
  const slow = ask(`${url}/slow`);
  await service.message();
  service.child.kill("SIGTERM");
  await expect
    .poll(() =>
      ask(`${url}/livez`).then(
        () => "accepts",
        () => "refuses",
      ),
    )
    .toBe("refuses");
  service.child.send("go");
  expect((await slow).text).toBe("served");
  expect(await service.ended).toMatchObject({ code: null, signal: "SIGTERM" });
});
