/**
 * What crosses to the encoder's thread and back. Bytes are moved, not copied; of objects only a few numbers and texts
 * for each batch cross, never one for each row.
 */
import type { SpoolBatch, SpoolRecord, SpoolSignal } from "../../spool/record.js";
import type { EncodedBatch } from "./encoded-batch.js";

/** A batch, its records' bodies one behind the other. */
export interface BatchMessage {
  readonly id: number;
  readonly token: string;
  readonly bytes: ArrayBuffer;
  /** Four numbers for each record: place in `SIGNALS`, start and end in `bytes`, time of receipt. */
  readonly index: Float64Array<ArrayBuffer>;
}

export interface EncodedMessage {
  readonly id: number;
  readonly encoded: EncodedBatch;
}

const SIGNALS: readonly SpoolSignal[] = ["traces", "logs"];
const NUMBERS_PER_RECORD = 4;

/** Copies what the store takes of a batch, as the spool's memory keeps the bodies for other readers. */
export function packBatch(
  id: number,
  { records, token }: Pick<SpoolBatch, "records" | "token">,
): BatchMessage {
  const wanted = records.filter(({ signal }) => SIGNALS.includes(signal));
  const bytes = new Uint8Array(wanted.reduce((size, { body }) => size + body.length, 0));
  const index = new Float64Array(wanted.length * NUMBERS_PER_RECORD);
  let start = 0;
  for (const [at, { signal, body, receivedAtMs }] of wanted.entries()) {
    bytes.set(body, start);
    index.set([SIGNALS.indexOf(signal), start, start + body.length, receivedAtMs], at * NUMBERS_PER_RECORD);
    start += body.length;
  }
  return { id, token, bytes: bytes.buffer, index };
}

/** The records of a message, as slices of its bytes. */
export function unpackBatch({ bytes, index, token }: BatchMessage): Pick<SpoolBatch, "records" | "token"> {
  const records: SpoolRecord[] = [];
  for (let at = 0; at < index.length; at += NUMBERS_PER_RECORD) {
    const [signal, start, end, receivedAtMs] = index.subarray(at, at + NUMBERS_PER_RECORD);
    records.push({ signal: SIGNALS[signal], body: Buffer.from(bytes, start, end - start), receivedAtMs });
  }
  return { records, token };
}

/** The buffers of an encoded batch, to be moved with it. */
export function buffersOf({ traces, logs }: EncodedBatch): ArrayBuffer[] {
  return [traces, logs].flatMap(({ inserts }) => inserts.map(({ block }) => block.buffer));
}
