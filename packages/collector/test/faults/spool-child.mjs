// A collector's front: OTLP/HTTP into the spool, and a consumer that does with each batch what the store does: one
// append that names the batch's token, then the commit. Told its directory; prints its port. Made to be killed.
import { open } from "node:fs/promises";
import { join } from "node:path";
import { decodeLogs, valueText } from "../../dist/otlp/index.js";
import { createOtlpHttpReceiver, Intake } from "../../dist/receive/index.js";
import { Spool } from "../../dist/spool/index.js";

const [dir, durability = "write"] = process.argv.slice(2);
const spool = await Spool.open({
  dir: join(dir, "spool"),
  consumers: ["store"],
  maxBytes: 64 * 1024 * 1024,
  segmentBytes: 64 * 1024,
  tailBytes: 32 * 1024,
  durability,
});
const intake = new Intake({ spool });
const receiver = createOtlpHttpReceiver({ intake });
const port = await receiver.listen({ host: "127.0.0.1", port: 0 });
process.stdout.write(`${port}\n`);

const store = await open(join(dir, "store.log"), "a");
const consumer = spool.consumer("store");
for (;;) {
  const batch = await consumer.read({ maxBytes: 8 * 1024 });
  if (!batch) break;
  const bodies = batch.records.flatMap(({ body }) => {
    const logs = decodeLogs(body);
    return Array.from({ length: logs.rowCount }, (_, row) =>
      valueText(logs.bytes, logs.bodyKind[row], logs.bodyStart[row], logs.bodyEnd[row]),
    );
  });
  await store.write(`${JSON.stringify({ token: batch.token, bodies })}\n`);
  await consumer.commit(batch.position);
}
