import { crc32 } from "node:zlib";
import type { SpoolRecord, SpoolSignal } from "./record.js";

/**
 * A record on disk: marker (4 bytes), body length (4), checksum (4), time of receipt (8, double), signal (1), zeros (3),
 * then the body. Numbers are little-endian. The checksum covers everything but itself and starts from the segment's
 * own random seed, so that no sender can write a body that passes for a record when a damaged file is searched.
 */
export const FRAME_HEADER_BYTES = 24;
const MARKER = 0x3152_4354;
const SIGNALS: readonly SpoolSignal[] = ["traces", "metrics", "logs", "samples"];

/** The header for a body; written in front of it. */
export function frameHeader(record: SpoolRecord, seed: number): Buffer {
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header.writeUInt32LE(MARKER, 0);
  header.writeUInt32LE(record.body.length, 4);
  header.writeDoubleLE(record.receivedAtMs, 12);
  header.writeUInt8(SIGNALS.indexOf(record.signal), 20);
  header.writeUInt32LE(checksum(header, record.body, seed), 8);
  return header;
}

/** What stands at a place of a segment. */
export type FrameReading =
  | { readonly kind: "record"; readonly record: SpoolRecord; readonly end: number }
  /** The bytes given end before the frame does; `needed` is the offset up to which it reaches. */
  | { readonly kind: "short"; readonly needed: number }
  | { readonly kind: "damaged" };

/** Reads the frame at `offset`. The record's body is a slice of `bytes`. */
export function readFrame(bytes: Buffer, offset: number, seed: number): FrameReading {
  const bodyStart = offset + FRAME_HEADER_BYTES;
  if (bodyStart > bytes.length) return { kind: "short", needed: bodyStart };
  if (bytes.readUInt32LE(offset) !== MARKER) return { kind: "damaged" };
  const signal = SIGNALS[bytes[offset + 20]];
  if (signal === undefined) return { kind: "damaged" };
  const end = bodyStart + bytes.readUInt32LE(offset + 4);
  if (end > bytes.length) return { kind: "short", needed: end };
  const body = bytes.subarray(bodyStart, end);
  if (checksum(bytes.subarray(offset, bodyStart), body, seed) !== bytes.readUInt32LE(offset + 8)) {
    return { kind: "damaged" };
  }
  return { kind: "record", record: { signal, body, receivedAtMs: bytes.readDoubleLE(offset + 12) }, end };
}

const MARKER_BYTES = Buffer.from([0x54, 0x43, 0x52, 0x31]);

/** Offset of the next whole and undamaged frame at or after `offset`, or -1. */
export function findFrame(bytes: Buffer, offset: number, seed: number): number {
  for (let at = bytes.indexOf(MARKER_BYTES, offset); at >= 0; at = bytes.indexOf(MARKER_BYTES, at + 1)) {
    if (readFrame(bytes, at, seed).kind === "record") return at;
  }
  return -1;
}

function checksum(header: Buffer, body: Buffer, seed: number): number {
  const first = crc32(header.subarray(0, 8), seed);
  return crc32(body, crc32(header.subarray(12, FRAME_HEADER_BYTES), first));
}
