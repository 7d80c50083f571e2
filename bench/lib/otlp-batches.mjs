// OTLP requests for the benchmarks of the store: encoded once, then given new ids and times in place for every use.
import { randomFillSync } from "node:crypto";
import { decodeLogs, decodeTraces, otlpJsonToProtobuf } from "../../packages/collector/dist/otlp/index.js";

const SERVICES = ["gateway", "checkout", "payments", "cart", "search", "mailer", "users", "stock"];
const ROUTES = ["/", "/pay", "/cart/:id", "/search", "/users/:id", "/health", "/orders", "/orders/:id"];
const WORDS =
  "request payment order user cart item failed retry timeout cache miss hit started done slow query".split(
    " ",
  );

const text = (key, stringValue) => ({ key, value: { stringValue } });
const int = (key, intValue) => ({ key, value: { intValue } });
const pick = (list, n) => list[n % list.length];

function resource(n) {
  return {
    attributes: [
      text("service.name", pick(SERVICES, n)),
      text("service.version", "1.42.0"),
      text("deployment.environment.name", "production"),
      text("host.name", `node-${n % 5}`),
      text("k8s.pod.name", `${pick(SERVICES, n)}-7d9f6c5b4-${n % 9}`),
      text("telemetry.sdk.language", "nodejs"),
    ],
  };
}

/** Requests of `size` spans, four to a trace, twelve attributes each. */
export function traceTemplates(count, size) {
  return Array.from({ length: count }, (_, n) => {
    const spans = Array.from({ length: size }, (_, row) => ({
      traceId: "1".repeat(32),
      spanId: "2".repeat(16),
      parentSpanId: row % 4 ? "3".repeat(16) : "",
      name: `GET ${pick(ROUTES, row + n)}`,
      kind: row % 4 ? 3 : 2,
      startTimeUnixNano: "1",
      endTimeUnixNano: String(1 + ((row * 7919) % 400) * 1_000_000),
      attributes: [
        text("http.request.method", "GET"),
        text("http.route", pick(ROUTES, row + n)),
        int("http.response.status_code", row % 97 ? 200 : 500),
        text("url.scheme", "http"),
        text("server.address", "shop.internal"),
        int("server.port", 8080),
        text("network.protocol.version", "1.1"),
        text("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"),
        text("client.address", `10.0.${row % 250}.${n % 250}`),
        text("enduser.id", `user-${(row * 31 + n) % 5000}`),
        int("thread.id", row % 16),
        text("code.function", `handler${row % 40}`),
      ],
      status: row % 97 ? {} : { code: 2, message: "internal error" },
    }));
    const body = otlpJsonToProtobuf(
      "traces",
      JSON.stringify({
        resourceSpans: [{ resource: resource(n), scopeSpans: [{ scope: { name: "http" }, spans }] }],
      }),
    );
    const { traceId, spanId, parentSpanId, startTime, endTime } = decodeTraces(body);
    const durations = endTime.subarray(0, size).map((at) => Number(body.readBigUInt64LE(at)));
    return {
      body,
      size,
      renew: (nowMs) =>
        renewSpans(body, size, nowMs, traceId, spanId, parentSpanId, startTime, endTime, durations),
    };
  });
}

function renewSpans(body, size, nowMs, traceId, spanId, parentSpanId, startTime, endTime, durations) {
  const ids = randomFillSync(Buffer.allocUnsafe(16 * (size / 4 + 1) + 8 * size));
  for (let row = 0; row < size; row++) {
    ids.copy(body, traceId[row], 16 * (row >> 2), 16 * (row >> 2) + 16);
    const at = 16 * (size / 4 + 1) + 8 * row;
    ids.copy(body, spanId[row], at, at + 8);
    if (parentSpanId[row]) body.copy(body, parentSpanId[row], spanId[row & ~3], spanId[row & ~3] + 8);
    const start = BigInt(nowMs) * 1_000_000n - BigInt(row) * 1_000n;
    body.writeBigUInt64LE(start, startTime[row]);
    body.writeBigUInt64LE(start + BigInt(durations[row]), endTime[row]);
  }
  return body.toString("hex", traceId[0], traceId[0] + 16);
}

/** Requests of `size` log records with three attributes each. */
export function logTemplates(count, size) {
  return Array.from({ length: count }, (_, n) => {
    const logRecords = Array.from({ length: size }, (_, row) => ({
      timeUnixNano: "1",
      severityNumber: row % 50 ? 9 : 17,
      severityText: row % 50 ? "INFO" : "ERROR",
      body: {
        stringValue: `${pick(WORDS, row)} ${pick(WORDS, row * 7 + n)} ${pick(WORDS, row * 13)} for order o-${row * 17 + n} took ${row % 300} ms`,
      },
      attributes: [text("order.id", `o-${row * 17 + n}`), int("took_ms", row % 300), text("logger", "shop")],
      traceId: "1".repeat(32),
      spanId: "2".repeat(16),
    }));
    const body = otlpJsonToProtobuf(
      "logs",
      JSON.stringify({
        resourceLogs: [{ resource: resource(n), scopeLogs: [{ scope: { name: "pino" }, logRecords }] }],
      }),
    );
    const { time, traceId, spanId } = decodeLogs(body);
    const renew = (nowMs) => {
      for (let row = 0; row < size; row++) {
        body.writeBigUInt64LE(BigInt(nowMs) * 1_000_000n - BigInt(row) * 1_000n, time[row]);
        randomFillSync(body, traceId[row], 16);
        randomFillSync(body, spanId[row], 8);
      }
      return body.toString("hex", traceId[0], traceId[0] + 16);
    };
    return { body, size, renew };
  });
}

/** CPU seconds and resident bytes of a process, as Linux tells them. */
export function processUsage(pid, readFileSync) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  const rssPages = Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]);
  return { cpuSeconds: (Number(fields[11]) + Number(fields[12])) / 100, rssBytes: rssPages * 4096 };
}
