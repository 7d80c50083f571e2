import type { Labels } from "@tocsin/model";
import type { LedgerState, SloLedger } from "./ledger.js";
import { decodeNumbers, encodeNumbers } from "./number-codec.js";
import { longestMs } from "./period.js";
import type { SloSpec } from "./spec.js";

const FORMAT = 1;

interface Header {
  readonly format: number;
  readonly slos: readonly HeaderEntry[];
}

interface HeaderEntry {
  readonly name: string;
  readonly group: Labels;
  /** What was measured; counts of something else are of no use. */
  readonly measure: string;
  /** The period that the ring was made for. */
  readonly periodMs: number;
  readonly state: LedgerState;
  /** Length of this ledger's numbers. */
  readonly bytes: number;
}

/** Ledgers as bytes: the length of a JSON header, the header, then the rings' numbers one after the other. */
export function writeTrackerSnapshot(ledgers: readonly { group: Labels; ledger: SloLedger }[]): Uint8Array {
  const parts: Uint8Array[] = [];
  const slos = ledgers.map(({ group, ledger }): HeaderEntry => {
    const { state, writeNumbers } = ledger.snapshot();
    const part = encodeNumbers(writeNumbers);
    parts.push(part);
    const { spec } = ledger;
    const periodMs = longestMs(spec.period);
    return { name: spec.name, group, measure: measureOf(spec), periodMs, state, bytes: part.length };
  });
  const header = Buffer.from(JSON.stringify({ format: FORMAT, slos } satisfies Header));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(header.length);
  return Buffer.concat([length, header, ...parts]);
}

/**
 * Hands every ledger of a snapshot to the one that `ledgerFor` finds for it.
 *
 * @returns names of SLOs that were not taken over
 */
export function readTrackerSnapshot(
  bytes: Uint8Array,
  ledgerFor: (name: string, group: Labels) => SloLedger | undefined,
): string[] {
  if (bytes.length < 4) return [];
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerEnd = 4 + buffer.readUInt32LE(0);
  const header = JSON.parse(buffer.toString("utf8", 4, headerEnd)) as Header;
  const lost: string[] = [];
  let offset = headerEnd;
  for (const entry of header.format === FORMAT ? header.slos : []) {
    const numbers = buffer.subarray(offset, offset + entry.bytes);
    offset += entry.bytes;
    const ledger = ledgerFor(entry.name, entry.group);
    if (ledger && measureOf(ledger.spec) === entry.measure) {
      ledger.restore(entry.state, decodeNumbers(numbers), entry.periodMs);
    } else lost.push(entry.name);
  }
  return lost;
}

/** What an SLO counts, as a text that changes when its old counts lose their meaning. */
function measureOf({ service, environment, sli, budgeting, by }: SloSpec): string {
  return JSON.stringify([service, environment ?? null, sli, budgeting, by]);
}
