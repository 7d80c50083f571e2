// Mutated requests against the real receivers: `npm run fuzz [-- --count N --signal traces,logs --transport json --seed 1]`.
// One line a combination; exit 1 on a crash, an answer of 5xx (UNAVAILABLE, INTERNAL, UNKNOWN over gRPC), an answer that
// took over a second (`starved` are those in which this process had less than half a second of the CPU: the machine was
// busy, not the receiver), or bytes that were accepted and then could not be read.
import http from "node:http";
import { parseArgs } from "node:util";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import {
  attributeValue,
  decodeLogs,
  decodeMetrics,
  decodeTraces,
  otlpJsonToProtobuf,
  valueAt,
} from "../../dist/otlp/index.js";
import { createOtlpGrpcReceiver, createOtlpHttpReceiver, Intake } from "../../dist/receive/index.js";
import { SEEDS } from "./seeds.mjs";

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "1000000" },
    signal: { type: "string", default: "traces,metrics,logs" },
    transport: { type: "string", default: "protobuf,json,grpc,direct" },
    seed: { type: "string", default: "1" },
  },
});
const DECODE = { traces: decodeTraces, metrics: decodeMetrics, logs: decodeLogs };
const SERVICE = {
  traces: "trace.v1.TraceService",
  metrics: "metrics.v1.MetricsService",
  logs: "logs.v1.LogsService",
};
const CONCURRENCY = 16;
const SLOW_MS = 1_000;
const count = Number(values.count);
const random = mulberry32(Number(values.seed));

/** Stands for the spool: reads everything in what was accepted, as the stages behind it would. */
const unreadable = [];
const intake = new Intake({
  spool: {
    append: async ({ signal, body }) => {
      try {
        readAll(DECODE[signal](body));
      } catch (error) {
        unreadable.push(`${signal} ${error.message} ${body.toString("hex")}`);
      }
      return { segment: 0, offset: 0 };
    },
  },
  limits: { maxRequestBytes: 1 << 20, maxAttributes: 8, maxAttributeLength: 64 },
});
const httpReceiver = createOtlpHttpReceiver({ intake });
const grpcReceiver = createOtlpGrpcReceiver({ intake });
const httpPort = await httpReceiver.listen({ host: "127.0.0.1", port: 0 });
const grpcPort = await grpcReceiver.listen({ host: "127.0.0.1", port: 0 });
const agent = new http.Agent({ keepAlive: true, maxSockets: CONCURRENCY });
const client = new Client(`127.0.0.1:${grpcPort}`, credentials.createInsecure());
let failed = false;

for (const signal of values.signal.split(",")) {
  for (const transport of values.transport.split(",")) await fuzz(signal, transport);
}
agent.destroy();
client.close();
await httpReceiver.close();
await grpcReceiver.close();
process.exitCode = failed ? 1 : 0;

async function fuzz(signal, transport) {
  const json = SEEDS[signal].map((seed) => Buffer.from(JSON.stringify(seed)));
  const seeds = transport === "json" ? json : json.map((text) => otlpJsonToProtobuf(signal, text));
  const answers = new Map();
  const found = { serverErrors: 0, slow: 0, starved: 0 };
  let sent = 0;
  const startedMs = performance.now();
  await Promise.all(
    Array.from({ length: CONCURRENCY }, async () => {
      while (sent < count) {
        sent++;
        const body = mutate(seeds[Math.floor(random() * seeds.length)]);
        const beganMs = performance.now();
        const beganCpu = process.cpuUsage();
        const answer = await send(signal, transport, body);
        if (performance.now() - beganMs > SLOW_MS) {
          // A machine that is busy with something else makes every answer late; only work of our own counts as slow.
          const { user, system } = process.cpuUsage(beganCpu);
          if ((user + system) / 1_000 > SLOW_MS / 2) found.slow++;
          else found.starved++;
        }
        answers.set(answer, (answers.get(answer) ?? 0) + 1);
        if (answer >= 500 || [2, 13, 14].includes(answer)) {
          if (found.serverErrors++ === 0) console.error(`${answer}: ${body.toString("hex")}`);
        }
      }
    }),
  );
  const bad = found.serverErrors + found.slow + unreadable.length;
  if (bad > 0) failed = true;
  for (const line of unreadable.splice(0, 3)) console.error(`accepted but unreadable: ${line}`);
  const seconds = (performance.now() - startedMs) / 1000;
  console.log(
    JSON.stringify({
      signal,
      transport,
      mutants: sent,
      perSecond: Math.round(sent / seconds),
      ...found,
      unreadable: unreadable.length,
      answers: Object.fromEntries([...answers].sort(([left], [right]) => left - right)),
    }),
  );
  unreadable.length = 0;
}

/** @returns the HTTP status or gRPC code */
function send(signal, transport, body) {
  if (transport === "grpc") return call(signal, body);
  if (transport !== "direct") return post(signal, transport, body);
  // Without a network between, a million take minutes.
  return intake.accept("otlp-http", signal, body).then(
    () => 200,
    (error) => intake.refuse("otlp-http", signal, "fuzz", error).httpStatus,
  );
}

/** One to four changes of a kind that a broken or hostile sender would make. */
function mutate(seed) {
  let body = Buffer.from(seed);
  const changes = 1 + Math.floor(random() * 4);
  for (let change = 0; change < changes && body.length > 0; change++) {
    const at = Math.floor(random() * body.length);
    switch (Math.floor(random() * 8)) {
      case 0:
        body[at] ^= 1 << Math.floor(random() * 8);
        break;
      case 1:
        body[at] = Math.floor(random() * 256);
        break;
      case 2:
        body = body.subarray(0, at);
        break;
      case 3:
        body = Buffer.concat([body.subarray(0, at), body.subarray(at + 1 + Math.floor(random() * 8))]);
        break;
      case 4: {
        const piece = body.subarray(at, at + Math.floor(random() * 64));
        body = Buffer.concat([body.subarray(0, at), piece, body.subarray(at)]);
        break;
      }
      case 5:
        // A number that claims to be huge.
        body = Buffer.concat([
          body.subarray(0, at),
          Buffer.from([0xff, 0xff, 0xff, 0xff, 0x7f]),
          body.subarray(at),
        ]);
        break;
      case 6:
        body = Buffer.concat([
          body.subarray(0, at),
          Buffer.from([0x0a, 0x0b, 0x3c, 0x0c, 0x5b, 0x7b, 0x22]),
          body.subarray(at),
        ]);
        break;
      default:
        body = Buffer.concat([body, body.subarray(at)]);
    }
  }
  return body;
}

function readAll(columns) {
  const { attributes } = columns;
  const rows = columns.signal === "metrics" ? columns.pointCount : columns.rowCount;
  for (let index = 0; index < attributes.first[rows]; index++) attributeValue(attributes, index);
  for (const { attributes: own } of [...columns.resources, ...columns.scopes]) own.length;
  if (columns.signal !== "logs") return;
  for (let row = 0; row < rows; row++) {
    valueAt(columns.bytes, columns.bodyKind[row], columns.bodyStart[row], columns.bodyEnd[row]);
  }
}

function post(signal, transport, body) {
  const type = transport === "json" ? "application/json" : "application/x-protobuf";
  const headers = { "content-type": type, "content-length": body.length };
  return new Promise((resolve, reject) => {
    const options = {
      port: httpPort,
      host: "127.0.0.1",
      path: `/v1/${signal}`,
      method: "POST",
      agent,
      headers,
    };
    const request = http.request(options, (response) => {
      response.resume().on("end", () => resolve(response.statusCode));
    });
    request.on("error", reject);
    request.end(body);
  });
}

function call(signal, body) {
  const same = (bytes) => bytes;
  const path = `/opentelemetry.proto.collector.${SERVICE[signal]}/Export`;
  return new Promise((resolve) => {
    client.makeUnaryRequest(path, same, same, body, new Metadata(), (error) => resolve(error?.code ?? 0));
  });
}

function mulberry32(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
