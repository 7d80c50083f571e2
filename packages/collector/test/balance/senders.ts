import { setTimeout as pause } from "node:timers/promises";
import { otlpJsonToProtobuf } from "../../src/otlp/index.js";

/** What the senders were told, in spans, log records and points. */
export interface Book {
  /** Ids of spans that were acknowledged; failed ones are those that sampling keeps. */
  readonly spans: Set<string>;
  readonly failedSpans: Set<string>;
  acknowledged: { traces: number; logs: number; metrics: number };
  rejected: { traces: number; logs: number; metrics: number };
  /** Answers by status; 0 for none. */
  readonly answers: Map<number, number>;
}

export interface Senders {
  readonly book: Book;
  /** Ends them after the requests under way. */
  stop(): Promise<void>;
}

export function emptyBook(): Book {
  return {
    spans: new Set(),
    failedSpans: new Set(),
    acknowledged: { traces: 0, logs: 0, metrics: 0 },
    rejected: { traces: 0, logs: 0, metrics: 0 },
    answers: new Map(),
  };
}

let sent = 0;

const SPANS_PER_REQUEST = 20;
const SIGNALS = ["traces", "traces", "logs", "metrics"] as const;

/** Senders in parallel, one signal each; every seventh request is partly bad, every thirteenth is no OTLP at all. */
export function startSenders(port: number, options: { padding?: number; pauseMs?: number } = {}): Senders {
  const { padding = 0, pauseMs = 5 } = options;
  const book = emptyBook();
  let going = true;
  const loops = SIGNALS.map(async (signal) => {
    for (let round = 0; going; round++) {
      if (round % 13 === 12) await post(port, signal, Buffer.from("no OTLP"), book);
      else if (signal === "traces") await sendSpans(port, round % 7 === 3, padding, book);
      else if (signal === "logs") await sendLogs(port, padding, book);
      else await sendPoints(port, round % 7 === 3, book);
      await pause(pauseMs);
    }
  });
  return {
    book,
    async stop() {
      going = false;
      await Promise.all(loops);
    },
  };
}

async function sendSpans(port: number, isPartlyBad: boolean, padding: number, book: Book): Promise<void> {
  const time = `${Date.now()}000000`;
  const ids = Array.from({ length: SPANS_PER_REQUEST }, () => (++sent).toString(16).padStart(16, "0"));
  const spans = ids.map((spanId, index) => ({
    traceId: `5e${spanId.padStart(30, "0")}`,
    spanId,
    name: "GET /",
    kind: 2,
    startTimeUnixNano: time,
    endTimeUnixNano: time,
    attributes: [{ key: "text", value: { stringValue: "x".repeat(padding) } }],
    status: index % 4 === 0 ? { code: 2 } : {},
  }));
  const bad = isPartlyBad ? [{ ...spans[0], traceId: "00" }] : [];
  const resource = { attributes: [{ key: "service.name", value: { stringValue: "shop" } }] };
  const request = { resourceSpans: [{ resource, scopeSpans: [{ spans: [...spans, ...bad] }] }] };
  const status = await post(port, "traces", otlpJsonToProtobuf("traces", JSON.stringify(request)), book);
  if (status !== 200) return;
  book.acknowledged.traces += spans.length;
  book.rejected.traces += bad.length;
  for (const [index, id] of ids.entries()) (index % 4 === 0 ? book.failedSpans : book.spans).add(id);
}

async function sendLogs(port: number, padding: number, book: Book): Promise<void> {
  const logRecords = Array.from({ length: 10 }, () => ({
    timeUnixNano: `${Date.now()}000000`,
    body: { stringValue: `line ${++sent} ${"x".repeat(padding)}` },
  }));
  const request = { resourceLogs: [{ scopeLogs: [{ logRecords }] }] };
  if ((await post(port, "logs", otlpJsonToProtobuf("logs", JSON.stringify(request)), book)) === 200)
    book.acknowledged.logs += logRecords.length;
}

async function sendPoints(port: number, isPartlyBad: boolean, book: Book): Promise<void> {
  const timeUnixNano = `${Date.now()}000000`;
  const metric = (name: string) => ({
    name,
    gauge: { dataPoints: [1, 2, 3].map((n) => ({ timeUnixNano, asDouble: ++sent, attributes: [label(n)] })) },
  });
  const metrics = [metric("level"), ...(isPartlyBad ? [metric("")] : [])];
  const request = { resourceMetrics: [{ scopeMetrics: [{ metrics }] }] };
  const status = await post(port, "metrics", otlpJsonToProtobuf("metrics", JSON.stringify(request)), book);
  if (status !== 200) return;
  book.acknowledged.metrics += 3;
  book.rejected.metrics += isPartlyBad ? 3 : 0;
}

function label(n: number): object {
  return { key: "n", value: { stringValue: String(n) } };
}

/** The status, 0 when there was no answer. */
async function post(port: number, signal: string, body: Buffer, book: Book): Promise<number> {
  const status = await fetch(`http://127.0.0.1:${port}/v1/${signal}`, {
    method: "POST",
    headers: { "content-type": "application/x-protobuf" },
    body: new Uint8Array(body),
  }).then(
    async (response) => {
      await response.arrayBuffer();
      return response.status;
    },
    () => 0,
  );
  book.answers.set(status, (book.answers.get(status) ?? 0) + 1);
  return status;
}
