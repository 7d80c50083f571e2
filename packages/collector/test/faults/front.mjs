import { decodeLogs, valueText } from "../../dist/otlp/index.js";
import { createOtlpHttpReceiver, Intake } from "../../dist/receive/index.js";
import { Spool } from "../../dist/spool/index.js";

/** The front of a collector in this process: OTLP/HTTP into a spool. */
export async function openFront(dir, options = {}) {
  const spool = await Spool.open({ dir, consumers: ["store"], ...options });
  const receiver = createOtlpHttpReceiver({ intake: new Intake({ spool }) });
  const port = await receiver.listen({ host: "127.0.0.1", port: 0 });
  return {
    spool,
    port,
    async close() {
      await receiver.close();
      await spool.close();
    },
  };
}

/** Names of all records in a spool, in order, and its place is committed behind them. */
export async function drain(spool) {
  const names = [];
  for (;;) {
    const batch = await spool.consumer("store").read({ wait: false });
    if (!batch) return names;
    for (const { body } of batch.records) names.push(...namesIn(body));
    await spool.consumer("store").commit(batch.position);
  }
}

/** Names of the log records in a request. */
export function namesIn(body) {
  const logs = decodeLogs(body);
  return Array.from({ length: logs.rowCount }, (_, row) =>
    valueText(logs.bytes, logs.bodyKind[row], logs.bodyStart[row], logs.bodyEnd[row]),
  );
}

/** How many of the acknowledged are missing, and how many are there twice. */
export function compare(acknowledged, found) {
  const counts = new Map();
  for (const name of found) counts.set(name, (counts.get(name) ?? 0) + 1);
  return {
    lost: acknowledged.filter((name) => !counts.has(name)).length,
    duplicated: [...counts.values()].filter((count) => count > 1).length,
  };
}
