import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AT_THE_END, end, SLOW, WAYS } from "./support/ends.js";
import { REGISTER, Service } from "./support/service.js";
import { Sink } from "./support/sink.js";

let sink: Sink;
beforeAll(async () => {
  sink = await Sink.open();
});
afterAll(() => sink.close());

// Side by side: each waits for its process, most of which is Node starting.
// The slow suite does the rest of them, and many more.
describe.concurrent.each([WAYS[0], WAYS[1], WAYS[4], WAYS[6]])("a process that ends by $how $kill", (way) => {
  test("ends as it does without the agent, with everything delivered", AT_THE_END, async () => {
    const name = `${way.how}-${"kill" in way ? way.kill : ""}-${performance.now()}`;
    const seen = await end(way, sink.url, { env: { ...SLOW, OTEL_SERVICE_NAME: name } });
    expect(seen).toMatchObject({ code: way.code, signal: way.signal });
    const spans = sink.spans.filter(({ resource }) => resource["service.name"] === name);
    expect(spans.map(({ kind }) => kind).sort()).toEqual([2, 3]);
  });
});

test.concurrent.each([WAYS[1], WAYS[4]])(
  "a process that ends by $how $kill is not held up by a collector that is away",
  AT_THE_END,
  async (way) => {
    const seen = await end(way, "http://127.0.0.1:9", { env: SLOW });
    expect(seen).toMatchObject({ code: way.code, signal: way.signal });
    expect(seen.stderr).toContain("cannot deliver to http://127.0.0.1:9: connection refused");
  },
);

test(
  "what ends the process is a log record with its stack, and an error of the spans that it happened in",
  AT_THE_END,
  async () => {
    const name = `fatal-${performance.now()}`;
    const env = { ...SLOW, OTEL_SERVICE_NAME: name };
    const service = new Service("fatal-request.cjs", sink.url, { env });
    expect(await service.ended).toMatchObject({ code: 1, signal: null });
    const log = sink.logs.find(({ resource }) => resource["service.name"] === name);
    expect(log).toMatchObject({
      body: "uncaught exception",
      severityNumber: 21,
      attributes: {
        "exception.type": "RangeError",
        "exception.message": "out of stock",
        "exception.stacktrace": expect.stringContaining("fatal-request.cjs"),
      },
    });
    const spans = sink.spans.filter(({ traceId }) => traceId === log?.traceId);
    expect(spans.map(({ name }) => name).sort()).toEqual(["GET", "child"]);
    for (const span of spans)
      expect(span).toMatchObject({
        status: { code: 2 },
        events: [{ attributes: { "exception.type": "RangeError" } }],
      });
  },
);

test("a collector that takes the connection and never answers holds the end up for a second at most", async () => {
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const { port } = silent.address() as { port: number };
  const bare = await end(WAYS[0], sink.url, { nodeArgs: [] });
  const seen = await end(WAYS[0], `http://127.0.0.1:${port}`, { env: SLOW });
  silent.close();
  expect(seen.code).toBe(bare.code);
  // The budget is 800 ms; the rest is the agent's own start on a busy machine.
  expect(seen.ms - bare.ms).toBeLessThan(3000);
});

test("a broken collector URL is named at start, without what may be secret in it", async () => {
  const seen = await end(WAYS[3], "not a url?token=hunter2", {
    env: {
      OTEL_BSP_SCHEDULE_DELAY: "soon",
      OTEL_TRACES_EXPORTER: "none",
      OTEL_METRICS_EXPORTER: "none",
      OTEL_LOGS_EXPORTER: "none",
    },
  });
  expect(seen.stderr).toContain(
    "tocsin: TOCSIN_URL must be an http:// or https:// URL, e.g. http://127.0.0.1:4318; it is left out of account.",
  );
  expect(seen.stderr).toContain(
    "tocsin: OTEL_BSP_SCHEDULE_DELAY must be a number of at least 10; using 500.",
  );
  expect(seen.stderr).not.toContain("hunter2");
});

test("what --import keeps from loaders that are required is told with the cure", async () => {
  const dir = mkdtempSync(join(tmpdir(), "tocsin-loader-"));
  writeFileSync(join(dir, "app.coffee"), "");
  const nodeArgs = ["--import", REGISTER, "-r", "path"];
  const service = new Service(join(dir, "app.coffee"), sink.url, { nodeArgs });
  expect((await service.ended).code).toBe(1);
  rmSync(dir, { recursive: true });
  expect(service.stderr).toContain("start the agent by -r @tocsin/agent/register instead.");
});

test("OTEL_SDK_DISABLED turns everything off and says so", async () => {
  const before = sink.requests.length;
  const seen = await end(WAYS[3], sink.url, { env: { OTEL_SDK_DISABLED: "true" } });
  expect(seen).toMatchObject({ code: 0, stderr: "tocsin: off, because OTEL_SDK_DISABLED is true.\n" });
  expect(sink.requests.length).toBe(before);
});

test("an agent that was shut down leaves nothing behind, and another can be started", async () => {
  const env = { ...SLOW, OTEL_SERVICE_NAME: "restarted" };
  const service = new Service("restarted.mjs", sink.url, { nodeArgs: [], env });
  expect(await service.ended).toMatchObject({ code: 0, signal: null });
  expect(JSON.parse(service.stdout)).toEqual([true, true, true, true]);
  const spans = sink.spans.filter(({ resource }) => resource["service.name"] === "restarted");
  expect(spans.map(({ name }) => name)).toEqual(["first", "second"]);
  expect(service.stderr.split("\n").filter((line) => !line.includes("sending to"))).toEqual([""]);
});

test("a closed standard error costs what is said, not the process", async () => {
  // What is wrong with a variable is said at start.
  const service = new Service("closed-stderr.mjs", sink.url, { env: { OTEL_BSP_SCHEDULE_DELAY: "soon" } });
  service.child.stderr?.destroy();
  expect(await service.ended).toMatchObject({ code: 5, signal: null });
});
