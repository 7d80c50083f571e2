import type { Labels } from "@tocsin/model";
import type { LedgerValues, SloLedger } from "./ledger.js";
import { decodeNumbers, type NumberWriter } from "./number-codec.js";
import { longestMs } from "./period.js";
import type { SloSpec } from "./spec.js";

/** Bytes of quiet ledgers stay in memory up to this size, to be written again as they are. */
const KEPT_BYTES = 2_048;

/**
 * A ledger with its state as bytes, which are made only when it has changed, and only when they are asked for. While a
 * snapshot is being written the ledger may go on counting: what it held when the snapshot began is kept aside first.
 */
export class StoredLedger {
  readonly group: Labels;
  readonly ledger: SloLedger;
  readonly #out: NumberWriter;
  /** Of the state as it is; undefined when it has changed since, or is too large to keep. */
  #kept: Uint8Array | undefined;
  #isFrozen = false;
  /** Of the frozen state, once it has changed since. */
  #frozen: Uint8Array | undefined;

  constructor(group: Labels, ledger: SloLedger, out: NumberWriter) {
    this.group = group;
    this.ledger = ledger;
    this.#out = out;
    ledger.onChange(() => {
      if (this.#isFrozen) this.#frozen ??= this.bytes();
      this.#kept = undefined;
    });
  }

  /** The state as it is. */
  bytes(): Uint8Array {
    if (this.#kept) return this.#kept;
    const bytes = encode(this.group, this.ledger, this.#out);
    if (bytes.length <= KEPT_BYTES) this.#kept = bytes;
    return bytes;
  }

  /** From now on `frozenBytes` will give the state as it is now. */
  freeze(): void {
    this.#isFrozen = true;
    this.#frozen = undefined;
  }

  /** The state as it was at `freeze`; may be asked for once. */
  frozenBytes(): Uint8Array {
    const bytes = this.#frozen ?? this.bytes();
    this.#isFrozen = false;
    this.#frozen = undefined;
    return bytes;
  }
}

/** What comes before a ledger's numbers. */
export interface LedgerHeader {
  readonly name: string;
  readonly group: Labels;
  /** What was measured; counts of something else are of no use. */
  readonly measure: string;
  /** The period that the ring was made for. */
  readonly periodMs: number;
  readonly values: LedgerValues;
}

/** A ledger as bytes: its length, the length of a JSON header, the header, the numbers. */
function encode(group: Labels, ledger: SloLedger, out: NumberWriter): Uint8Array {
  const { spec } = ledger;
  const header = Buffer.from(
    JSON.stringify({
      name: spec.name,
      group,
      measure: measureOf(spec),
      periodMs: longestMs(spec.period),
      values: ledger.values(),
    } satisfies LedgerHeader),
  );
  ledger.writeNumbers(out);
  const numbers = out.take();
  const bytes = Buffer.allocUnsafeSlow(8 + header.length + numbers.length);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeUInt32LE(header.length, 4);
  header.copy(bytes, 8);
  bytes.set(numbers, 8 + header.length);
  return bytes;
}

/** Reads ledgers that stand one after the other. */
export function* decodeLedgers(bytes: Buffer): Generator<{ header: LedgerHeader; next: () => number }> {
  for (let start = 0; start < bytes.length; ) {
    const end = start + bytes.readUInt32LE(start);
    const numbersStart = start + 8 + bytes.readUInt32LE(start + 4);
    const header = JSON.parse(bytes.toString("utf8", start + 8, numbersStart)) as LedgerHeader;
    yield { header, next: decodeNumbers(bytes.subarray(numbersStart, end)) };
    start = end;
  }
}

const measures = new WeakMap<SloSpec, string>();

/** What an SLO counts, as a text that changes when its old counts lose their meaning. */
export function measureOf(spec: SloSpec): string {
  let known = measures.get(spec);
  if (known === undefined) {
    const { service, environment, sli, budgeting, by } = spec;
    known = JSON.stringify([service, environment ?? null, sli, budgeting, by]);
    measures.set(spec, known);
  }
  return known;
}
