// The whole collector with its store: now the engine is killed, now the collector, while spans come in.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { otlpJsonToProtobuf } from "../../dist/otlp/index.js";
import { engineAvailability } from "../../dist/store/engine/availability.js";
import { EngineSupervisor } from "../../dist/store/engine/supervisor.js";
import { ClickHouseSql } from "../../dist/store/sql.js";

const BIN = fileURLToPath(new URL("../../bin/tocsin.js", import.meta.url));
const SPANS_PER_REQUEST = 10;

/**
 * @param dir folder for the collector's data
 * @param random numbers from 0 to 1
 * @returns {Promise<{ok: boolean, text: string, lost: number, duplicated: number, skipped?: boolean}>}
 */
export async function engineKilled(dir, rounds, random) {
  const availability = engineAvailability();
  if (!availability.available) {
    return { ok: true, skipped: true, text: availability.message, lost: 0, duplicated: 0 };
  }
  const data = join(dir, "collector");
  const acknowledged = new Set();
  let sent = 0;
  let collector = await start(data);
  let engineKills = 0;
  try {
    for (let round = 0; round < rounds; round++) {
      let going = true;
      const senders = Array.from({ length: 3 }, async () => {
        while (going) {
          const ids = Array.from({ length: SPANS_PER_REQUEST }, () => traceId(++sent));
          if (await post(collector.otlpPort, ids)) for (const id of ids) acknowledged.add(id);
          await pause(5);
        }
      });
      await pause(300 + random() * 1_500);
      const { engine } = (await status(collector))?.store ?? {};
      if (round % 3 !== 2 && engine?.pid) {
        process.kill(engine.pid, "SIGKILL");
        engineKills += 1;
        await pause(300);
      } else {
        const { process: child } = collector;
        child.kill("SIGKILL");
        await once(child, "exit");
        going = false;
        await Promise.all(senders);
        collector = await start(data);
      }
      going = false;
      await Promise.all(senders);
    }
    // Everything is carried to the store when its place in the spool is at the end.
    for (;;) {
      const now = await status(collector);
      const lag = now?.spool.consumers.find((consumer) => consumer.name === "store")?.lagBytes;
      if (now?.store?.isReady && lag === 0) break;
      await pause(100);
    }
  } finally {
    collector.process.kill("SIGTERM");
    if (collector.process.exitCode === null) await once(collector.process, "exit");
  }
  const engine = await EngineSupervisor.start({ directory: join(data, "store") });
  const sql = new ClickHouseSql(() => engine.endpoint);
  const rows = await sql.query("SELECT TraceId AS id, count() AS n FROM otel_traces GROUP BY id");
  await sql.close();
  await engine.close();
  const stored = new Map(rows.map(({ id, n }) => [id, n]));
  const lost = [...acknowledged].filter((id) => !stored.has(id)).length;
  const duplicated = rows.filter(({ n }) => n > 1).length;
  return {
    ok: lost + duplicated === 0,
    lost,
    duplicated,
    text: `${acknowledged.size} spans acknowledged, ${engineKills} engines and ${rounds - engineKills} collectors killed, ${lost} lost, ${duplicated} duplicated`,
  };
}

async function start(data) {
  const child = spawn(
    process.execPath,
    [BIN, "up", "--json", "--data", data, "--otlp-http-port", "0", "--otlp-grpc-port", "0", "--port", "0"],
    { stdio: ["ignore", "pipe", "ignore"] },
  );
  const [line] = await once(createInterface({ input: child.stdout }), "line");
  const { url, otlpHttpPort } = JSON.parse(line);
  return { process: child, url, otlpPort: otlpHttpPort };
}

async function status(collector) {
  try {
    return await (await fetch(`${collector.url}/api/v1/status`)).json();
  } catch {
    return undefined;
  }
}

async function post(port, ids) {
  const startTimeUnixNano = String(BigInt(Date.now()) * 1_000_000n);
  const spans = ids.map((id) => ({
    traceId: id,
    spanId: id.slice(16),
    name: "op",
    kind: 2,
    startTimeUnixNano,
    endTimeUnixNano: startTimeUnixNano,
  }));
  const body = otlpJsonToProtobuf("traces", JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] }));
  try {
    const response = await fetch(`http://127.0.0.1:${port}/v1/traces`, {
      method: "POST",
      headers: { "content-type": "application/x-protobuf" },
      body,
    });
    await response.arrayBuffer();
    return response.status === 200;
  } catch {
    return false;
  }
}

function traceId(n) {
  return `a${n.toString(16).padStart(31, "0")}`;
}

function pause(delayMs) {
  return new Promise((next) => setTimeout(next, delayMs));
}
