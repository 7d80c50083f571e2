import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Service } from "./support/service.js";
import { type SeenLog, Sink } from "./support/sink.js";

let sink: Sink;
let service: Service;
beforeAll(async () => {
  sink = await Sink.open();
  service = new Service("loggers.cjs", sink.url, { env: { TOCSIN_LOG_SOURCES: "pino,winston,console" } });
  await service.message();
});
afterAll(async () => {
  await service.stop();
  await sink.close();
});

const log = (body: string | RegExp): Promise<SeenLog> =>
  sink.until(() =>
    sink.logs.find((one) =>
      typeof body === "string" ? one.body === body : typeof one.body === "string" && body.test(one.body),
    ),
  );
const exception = (type: string, message: string) => ({
  "exception.type": type,
  "exception.message": message,
  "exception.stacktrace": expect.stringContaining(`${type}: `),
});

test.each([
  { body: "pino: level of its own", number: 9, text: "audit", attributes: {} },
  { body: "pino: level by name", number: 9, text: "audit", attributes: {} },
  { body: "pino: level elsewhere", number: 13, text: "warn", attributes: { severity: "warn" } },
  { body: "pino: another message key", number: 9, text: "info", attributes: {} },
  { body: "pino: nested", number: 9, text: "info", attributes: { payload: { a: 1 } } },
  {
    body: "pino: another error key",
    number: 17,
    text: "error",
    attributes: exception("TypeError", "pino: another error key"),
  },
  { body: "pino: another time", number: 9, text: "info", attributes: {} },
  { body: "pino: child", number: 9, text: "info", attributes: { part: "till", pin: "[Redacted]" } },
  { body: "pino: two streams", number: 17, text: "error", attributes: {} },
  { body: "pino: by transport", number: 9, text: "info", attributes: {} },
  { body: "pino: long", number: 9, text: "info", attributes: { list: "x".repeat(3_000_000) } },
  {
    body: "pino: a request",
    number: 9,
    text: "info",
    attributes: {
      req: expect.objectContaining({
        url: "/a?token=REDACTED",
        headers: { authorization: "REDACTED", host: "h" },
      }),
    },
  },
  { body: /winston: coloured/, number: 13, text: "warn", attributes: {} },
  { body: "winston: syslog", number: 10, text: "notice", attributes: {} },
  {
    body: "winston: an error",
    number: 17,
    text: "error",
    attributes: exception("TypeError", "winston: an error"),
  },
  {
    body: "winston: a stack",
    number: 17,
    text: "error",
    attributes: exception("TypeError", "winston: a stack"),
  },
  { body: "winston: meta", number: 17, text: "error", attributes: exception("RangeError", "inner") },
  { body: /winston: circular/, number: 9, text: "info", attributes: {} },
  { body: "winston: big", number: 9, text: "info", attributes: { count: "7" } },
  {
    body: /console: an error/,
    number: 17,
    text: "error",
    attributes: exception("RangeError", "console: an error"),
  },
])("$body", async ({ body, number, text, attributes }) => {
  const { severityNumber, severityText, ...record } = await log(body);
  expect([severityNumber, severityText]).toEqual([number, text]);
  expect(record.attributes).toEqual(attributes);
});

describe("what is not doubled and not sent", () => {
  test("ids that a mixin put into a line", async () => {
    const { traceId } = await log("pino: ids by mixin");
    // The line may come by the service's output later than by the collector.
    await expect.poll(() => service.stdout).toMatch(/ids by mixin.*\n/);
    const line = service.stdout.split("\n").find((text) => text.includes("ids by mixin")) ?? "";
    expect(line.match(/"trace_id"/g)).toHaveLength(1);
    expect(JSON.parse(line)).toMatchObject({ trace_id: traceId });
  });

  test("an entry of winston's whose level is off", async () => {
    await log("winston: big");
    expect(sink.logs.map(({ body }) => body)).not.toContain("winston: level that is off");
  });

  test("the agent, in the threads of pino's transports", async () => {
    await log("pino: by transport");
    await expect.poll(() => service.stderr).toContain("sending to");
    // All of its output is there once it has ended.
    await service.stop();
    expect(service.stderr.match(/sending to/g)).toHaveLength(1);
  });
});
