import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { keptIo } from "../../test/run-command.js";
import type { StoredLog } from "../store/logs/log.js";
import type { StoredSpan } from "../store/traces/trace.js";
import { logLine, logs } from "./logs.js";
import { filterParameters, nanosText } from "./search-filter.js";
import { tail } from "./tail.js";
import { traceTree } from "./trace.js";
import { traces } from "./traces.js";

const NOW_MS = Date.UTC(2026, 0, 1, 14, 13);
const at = (ms: number) => String(BigInt(NOW_MS + ms) * 1_000_000n);

const span = (id: string, parentSpanId: string, ms: number, error?: string): StoredSpan => ({
  traceId: "a".repeat(32),
  spanId: id,
  parentSpanId,
  traceState: "",
  name: `op-${id}`,
  kind: "server",
  service: "shop",
  startTimeUnixNano: at(ms),
  durationNanos: 212e6,
  status: error === undefined ? { code: "unset", message: "" } : { code: "error", message: error },
  attributes: {},
  resourceAttributes: {},
  scope: { name: "", version: "" },
  events: [],
  links: [],
});

const log: StoredLog = {
  timeUnixNano: at(0),
  service: "checkout",
  severityNumber: 17,
  severityText: "error",
  body: "no currency\nat pay.ts:88",
  eventName: "",
  traceId: "a".repeat(32),
  spanId: "",
  attributes: { "order.id": "o-7", reason: "bad input" },
  resourceAttributes: {},
  scope: "",
};

test("a trace is drawn as a tree, orphans and circles included", () => {
  const spans = [
    span("1", "", 0),
    span("2", "1", 10),
    span("3", "1", 20, "TypeError"),
    span("4", "gone", 30),
    span("5", "6", 40),
    span("6", "5", 50),
  ];
  expect(traceTree({ traceId: "a".repeat(32), spans, isTruncated: false }, NOW_MS)).toBe(
    [
      `trace ${"a".repeat(32)}, began 14:13:00.000`,
      "├ shop  op-1  212 ms  +0 ns",
      "│ ├ shop  op-2  212 ms  +10 ms",
      "│ └ shop  op-3  212 ms  +20 ms  ERROR TypeError",
      "└ shop  op-4  212 ms  +30 ms",
      "? shop  op-5  212 ms  +40 ms",
      "? shop  op-6  212 ms  +50 ms",
      "",
    ].join("\n"),
  );
});

test("a log record is a line", () => {
  expect(logLine(log, NOW_MS)).toBe(
    `14:13:00.000 ERROR checkout  no currency\n    at pay.ts:88 order.id=o-7 reason="bad input" trace_id=${"a".repeat(32)}\n`,
  );
});

test.each([
  [
    ["service=checkout", "status=error", "duration>300ms", "http.route=/pay"],
    "service=checkout&status=error&min_duration=300ms&attribute=http.route%3D%2Fpay",
  ],
  [["duration<=2s"], "max_duration=2s"],
])("the filter %j becomes parameters", (words, want) => {
  expect(
    String(filterParameters(words, ["service", "status", "min_duration", "max_duration"], undefined)),
  ).toBe(want);
});

test("plain words are a search text for logs and a mistake for traces", () => {
  expect(String(filterParameters(["no", "bad input", "severity=warn"], ["severity"], "q"))).toBe(
    "severity=warn&q=no+%22bad+input%22",
  );
  expect(() => filterParameters(["checkout"], [], undefined)).toThrow('"checkout" is not part of a filter.');
});

test.each([
  [0, "0 ns"],
  [999, "999 ns"],
  [212_400_000, "212 ms"],
  [1_234_000_000, "1.23 s"],
])("%d ns reads %s", (nanos, want) => {
  expect(nanosText(nanos)).toBe(want);
});

test("the commands ask the API and print what it says", async () => {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    if (request.url?.includes("/tail")) {
      response.write(`: hello\n\nevent: log\ndata: ${JSON.stringify(log)}\n\n`);
      response.end('event: skipped\ndata: {"count":12}\n\n');
    } else response.end(JSON.stringify({ traces: [], groups: [], logs: [log], nextCursor: "1-2" }));
  }).listen(0, "127.0.0.1");
  await new Promise((done) => server.once("listening", done));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { io, written } = keptIo({ env: { TOCSIN_API_URL: url } });
  expect(await traces.run(["service=a", "--since", "2h"], io)).toBe(0);
  expect(await logs.run(["currency", "--json"], io)).toBe(0);
  expect(JSON.parse(written.out)).toMatchObject({ logs: [{ service: "checkout" }] });
  await expect(tail.run(["severity=error"], io)).rejects.toThrow("ended the stream");
  expect(written.out).toContain("no currency");
  expect(written.err).toContain("No span is stored for this time.");
  expect(written.err).toContain("(12 lines left out");
  expect(asked).toEqual([
    "/api/v1/traces?service=a&since=2h",
    "/api/v1/traces/summary?by=service&since=2h",
    "/api/v1/logs?q=currency",
    "/api/v1/logs/tail?severity=error",
  ]);
  server.close();
});
