// The whole collector with its store: the engine is killed, the collector is killed, the engine stands still.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { otlpJsonToProtobuf } from "../../dist/otlp/index.js";
import { engineAvailability } from "../../dist/store/engine/availability.js";
import { EngineSupervisor } from "../../dist/store/engine/supervisor.js";
import { ClickHouseSql } from "../../dist/store/sql.js";
import { Sender } from "./sender.mjs";

const BIN = fileURLToPath(new URL("../../bin/tocsin.js", import.meta.url));
const SPANS_PER_REQUEST = 10;
const LIMIT_MS = 120_000;

/** Now the engine is killed, now the collector, while spans come in; two of three kills are the engine's. */
export async function engineKilled({ dir, rounds: kills, random }) {
  const unavailable = whyNot();
  if (unavailable) return { skipped: unavailable };
  const rounds = Math.ceil(kills / 5);
  const traffic = new Traffic();
  let collector = await start(dir);
  let engineKills = 0;
  try {
    for (let round = 0; round < rounds; round++) {
      const flow = traffic.flow(collector, { senders: 3, pauseMs: 5 });
      await pause(300 + random() * 1_500);
      const pid = (await status(collector))?.store?.engine?.pid;
      if (round % 3 !== 2 && pid) {
        process.kill(pid, "SIGKILL");
        engineKills += 1;
        await pause(300);
        await flow.stop();
      } else {
        collector.process.kill("SIGKILL");
        await once(collector.process, "exit");
        await flow.stop();
        collector = await start(dir);
      }
    }
    await untilStored(collector);
  } finally {
    await end(collector);
  }
  return {
    ...(await traffic.compareWith(dir)),
    counts: {
      acknowledged: traffic.acknowledged.size,
      enginesKilled: engineKills,
      collectorsKilled: rounds - engineKills,
    },
  };
}

/** The engine is stopped in its tracks while spans come in: they are taken until the spool is full, and stored later. */
export async function storeStopped({ dir }) {
  const unavailable = whyNot();
  if (unavailable) return { skipped: unavailable };
  const maxBytes = 4_000_000;
  const traffic = new Traffic({ padding: 1_500 });
  const collector = await start(dir, `spool: { max_size: ${maxBytes}, segment_size: 500KB }\n`);
  const problems = [];
  let takenMeanwhile = 0;
  let refused = 0;
  let restarts = 0;
  try {
    const { pid } = (await status(collector)).store.engine;
    process.kill(pid, "SIGSTOP");
    const before = traffic.acknowledged.size;
    const flow = traffic.flow(collector, { senders: 4, pauseMs: 0 });
    const untilMs = Date.now() + LIMIT_MS;
    let fullest = 0;
    while (traffic.refusals.length < 8) {
      if (Date.now() > untilMs) throw new Error("the spool did not fill up");
      fullest = Math.max(fullest, (await status(collector))?.spool.sizeBytes ?? 0);
      await pause(50);
    }
    takenMeanwhile = traffic.acknowledged.size - before;
    if (fullest > maxBytes) problems.push(`the spool grew to ${fullest} of ${maxBytes} bytes`);
    goOn(pid);
    await flow.stop();
    refused = traffic.refusals.length;
    const wrong = traffic.refusals.filter(({ status: code, retryAfter }) => code !== 503 || !retryAfter);
    if (wrong.length > 0) problems.push(`${wrong.length} refusals were not 503 with Retry-After`);
    await untilStored(collector);
    if ((await traffic.once(collector)).status !== 200) problems.push("it does not take spans afterwards");
    await untilStored(collector);
    ({ restarts } = (await status(collector)).store.engine);
  } finally {
    await end(collector);
  }
  return {
    ...(await traffic.compareWith(dir)),
    counts: { acknowledged: traffic.acknowledged.size, takenWhileItStood: takenMeanwhile, refused, restarts },
    problem: problems.length > 0 ? problems.join("; ") : undefined,
  };
}

/** On a busy machine the collector may have given the engine up meanwhile, and started it again. */
function goOn(pid) {
  try {
    process.kill(pid, "SIGCONT");
  } catch (error) {
    if (error.code !== "ESRCH") throw error;
  }
}

/** Spans with a trace id of their own each, and what became of them. */
class Traffic {
  acknowledged = new Set();
  refusals = [];
  #sender = new Sender();
  #padding;
  #sent = 0;

  constructor({ padding = 0 } = {}) {
    this.#padding = padding;
  }

  async once(collector) {
    const ids = Array.from({ length: SPANS_PER_REQUEST }, () => traceId(++this.#sent));
    const answer = await this.#sender.post(collector.otlpPort, "traces", tracesBody(ids, this.#padding));
    if (answer.status === 200) for (const id of ids) this.acknowledged.add(id);
    else if (answer.status !== 0) this.refusals.push(answer);
    return answer;
  }

  /** Sends until it is stopped. */
  flow(collector, { senders, pauseMs }) {
    let going = true;
    const loops = Array.from({ length: senders }, async () => {
      while (going) {
        const { status: code } = await this.once(collector);
        // Nothing listens, or it is full: a sender waits a little.
        await pause(code === 200 ? pauseMs : 10);
      }
    });
    return {
      stop: async () => {
        going = false;
        await Promise.all(loops);
      },
    };
  }

  /** What is missing in the store, and what is there twice; to be asked when the collector has ended. */
  async compareWith(dir) {
    this.#sender.close();
    const engine = await EngineSupervisor.start({ directory: join(dir, "store") });
    const sql = new ClickHouseSql(() => engine.endpoint);
    const rows = await sql.query("SELECT TraceId AS id, count() AS n FROM otel_traces GROUP BY id");
    await sql.close();
    await engine.close();
    const stored = new Set(rows.map(({ id }) => id));
    return {
      lost: [...this.acknowledged].filter((id) => !stored.has(id)).length,
      duplicated: rows.filter(({ n }) => n > 1).length,
    };
  }
}

function whyNot() {
  const availability = engineAvailability();
  return availability.available ? undefined : availability.message;
}

async function start(dir, yaml = "") {
  await mkdir(dir, { recursive: true });
  const config = join(dir, "tocsin.yaml");
  await writeFile(config, yaml);
  const ports = ["--otlp-http-port", "0", "--otlp-grpc-port", "0", "--port", "0"];
  const child = spawn(process.execPath, [BIN, "up", "--json", "--config", config, "--data", dir, ...ports], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [line] = await once(createInterface({ input: child.stdout }), "line");
  const { url, otlpHttpPort } = JSON.parse(line);
  return { process: child, url, otlpPort: otlpHttpPort };
}

async function end(collector) {
  const { process: child } = collector;
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  await once(child, "exit");
}

/** Everything is carried to the store when its place in the spool is at the end. */
async function untilStored(collector) {
  for (const untilMs = Date.now() + LIMIT_MS; Date.now() < untilMs; await pause(100)) {
    const now = await status(collector);
    const lag = now?.spool.consumers.find((consumer) => consumer.name === "store")?.lagBytes;
    if (now?.store?.isReady && lag === 0) return;
  }
  throw new Error("the store did not catch up");
}

async function status(collector) {
  try {
    return await (await fetch(`${collector.url}/api/v1/status`)).json();
  } catch {
    return undefined;
  }
}

function tracesBody(ids, padding) {
  const startTimeUnixNano = String(BigInt(Date.now()) * 1_000_000n);
  const spans = ids.map((id) => ({
    traceId: id,
    spanId: id.slice(16),
    name: "op".padEnd(padding, "."),
    kind: 2,
    startTimeUnixNano,
    endTimeUnixNano: startTimeUnixNano,
  }));
  return otlpJsonToProtobuf("traces", JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] }));
}

function traceId(n) {
  return `a${n.toString(16).padStart(31, "0")}`;
}
