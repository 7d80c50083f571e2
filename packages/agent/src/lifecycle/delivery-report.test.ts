import { expect, test } from "vitest";
import { DeliveryReport } from "./delivery-report.js";
import { Voice } from "./say.js";

function report(url = "http://127.0.0.1:4318") {
  const lines: string[] = [];
  const state = { nowMs: 0, dropped: 0 };
  const made = new DeliveryReport({
    voice: new Voice("info", (line) => void lines.push(line)),
    urlOf: (signal) => `${url}/v1/${signal}`,
    now: () => state.nowMs,
    dropped: () => state.dropped,
    summary: () => "checkout 1.42.0 (server.js, pid 4127) · watching http fetch express",
  });
  return { made, lines, state };
}

const AWAY = { kind: "unreachable", why: "connection refused: nothing listens there", retryMs: 1 } as const;
const SUMMARY =
  "tocsin: checkout 1.42.0 (server.js, pid 4127) · watching http fetch express · sending to http://127.0.0.1:4318";

test("introduces the agent once the collector has answered, once", () => {
  const { made, lines } = report();
  made.take({ kind: "connected", signal: "metrics", ms: 3.2 });
  made.take({ kind: "connected", signal: "traces", ms: 2 });
  expect(lines).toEqual([`${SUMMARY}, which answered in 3 ms\n`]);
});

test("says a failure once for all signals, then once a minute, and its end with what was lost", () => {
  const { made, lines, state } = report();
  for (const signal of ["metrics", "traces", "logs"] as const) made.take({ ...AWAY, signal });
  const failure =
    "tocsin: cannot deliver to http://127.0.0.1:4318: connection refused: nothing listens there. The service is unaffected; telemetry waits in memory (up to 32 MB) and is retried.\n";
  expect(lines).toEqual([failure, `${SUMMARY}, which does not answer\n`]);
  state.nowMs = 59_999;
  made.take({ ...AWAY, signal: "logs" });
  expect(lines.length).toBe(2);
  state.nowMs = 60_000;
  made.take({ ...AWAY, signal: "logs" });
  expect(lines[2]).toBe(failure);
  state.dropped = 7;
  made.take({ kind: "recovered", signal: "logs", afterMs: 61_000 });
  made.take({ kind: "recovered", signal: "traces", afterMs: 61_000 });
  expect(lines.slice(3)).toEqual([
    "tocsin: http://127.0.0.1:4318 answers again after 61 s; 7 items were lost.\n",
  ]);
});

test("tells how much is lost while nothing answers, and says no more of what waits", () => {
  const { made, lines, state } = report();
  state.dropped = 3;
  made.take({ ...AWAY, signal: "traces" });
  state.dropped = 10;
  made.take({ kind: "overflowed", signal: "traces" });
  state.nowMs = 60_000;
  made.take({ ...AWAY, signal: "logs" });
  expect(lines.filter((line) => line.includes("lost"))).toEqual([
    "tocsin: cannot deliver to http://127.0.0.1:4318: connection refused: nothing listens there. The service is unaffected; telemetry waits in memory (up to 32 MB) and is retried; 7 items were lost so far.\n",
  ]);
});

test.each([
  {
    why: "answered 401",
    line: "tocsin: http://127.0.0.1:4318 refuses traces: it answered 401. What it refuses is not sent again; 5 items were lost so far. Set TOCSIN_TOKEN, or OTEL_EXPORTER_OTLP_HEADERS.\n",
  },
  {
    why: "answered 404",
    line: "tocsin: http://127.0.0.1:4318 refuses traces: it answered 404. What it refuses is not sent again; 5 items were lost so far. Is it an OTLP/HTTP endpoint? The agent posts to /v1/traces, /v1/metrics and /v1/logs there.\n",
  },
])("a collector that $why is said to, with the cure, once for all signals", ({ why, line }) => {
  const { made, lines, state } = report();
  state.dropped = 5;
  for (const signal of ["traces", "metrics"] as const) made.take({ kind: "rejected", signal, why, count: 5 });
  expect(lines).toEqual([line, `${SUMMARY}, which ${why}\n`]);
});

test.each([
  {
    note: { kind: "rejected", signal: "logs", why: "too old", count: 2 },
    line: "http://127.0.0.1:4318 refused 2 items of logs: too old.",
  },
  {
    note: { kind: "overflowed", signal: "traces" },
    line: "http://127.0.0.1:4318 takes telemetry more slowly than it is made: 32 MB wait; 1 item was lost so far.",
  },
  {
    note: { kind: "crashed", signal: "traces", why: "out of memory", isLast: false },
    line: "the thread that delivers failed (out of memory) and is started again; 1 item was lost so far.",
  },
  {
    note: { kind: "crashed", signal: "traces", why: "out of memory", isLast: true },
    line: "the thread that delivers cannot be started any more (out of memory); nothing is sent.",
  },
] as const)("$note.kind is said once a minute", ({ note, line }) => {
  const { made, lines, state } = report();
  state.dropped = 1;
  for (const nowMs of [0, 59_999, 60_000]) {
    state.nowMs = nowMs;
    made.take(note);
  }
  expect(lines).toEqual([`tocsin: ${line}\n`, `tocsin: ${line}\n`]);
});

test("knows the commonest wrong port", () => {
  const { made, lines } = report("http://127.0.0.1:4319");
  made.take({ kind: "unreachable", signal: "traces", why: "answered 503", retryMs: 1 });
  expect(lines[0]).toContain("4319 is the page; OTLP is on 4318.");
});

test("tells of exporters that are not the agent's own, by the place where they lead", () => {
  const { made, lines } = report();
  made.exported("traces", "http://a:4317 (grpc)", { why: "UNAVAILABLE" });
  made.exported("metrics", "http://a:4317 (grpc)", { why: "UNAVAILABLE" });
  made.exported("metrics", "http://a:4317 (grpc)", { ms: 5 });
  made.exported("metrics", "http://a:4317 (grpc)", { ms: 5 });
  const [summary] = SUMMARY.split(" · sending");
  expect(lines).toEqual([
    "tocsin: cannot deliver traces to http://a:4317 (grpc): UNAVAILABLE. The service is unaffected; OpenTelemetry's exporter tries again for a while, and then drops what it holds.\n",
    `${summary} · sending to http://a:4317 (grpc), without success\n`,
    "tocsin: metrics reach http://a:4317 (grpc) again.\n",
  ]);
});

test.each([
  { places: [], said: 'sending nothing: every exporter is "none"' },
  {
    places: ["the console", "http://a:9411 (zipkin)"],
    said: "sending to the console and http://a:9411 (zipkin)",
  },
])("introduces the agent where nothing tells how it went: $said", ({ places, said }) => {
  const { made, lines } = report();
  made.introduceAnyway(places);
  expect(lines).toEqual([`${SUMMARY.split("sending", 1)[0]}${said}\n`]);
});
