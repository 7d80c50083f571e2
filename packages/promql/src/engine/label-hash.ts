import type { Labels } from "@tocsin/model";
import { compareText } from "../label-order.js";

const PRIME_1 = 0x9e3779b185ebca87n;
const PRIME_2 = 0xc2b2ae3d27d4eb4fn;
const PRIME_3 = 0x165667b19e3779f9n;
const PRIME_4 = 0x85ebca77c2b2ae63n;
const PRIME_5 = 0x27d4eb2f165667c5n;
const MAX_UINT64 = 2 ** 64;

const encoder = new TextEncoder();

/**
 * Where a series lies in [0, 1] by the hash of its labels: the same place that Prometheus 3 gives it, so that
 * `limit_ratio` picks the same series.
 */
export function placeOfLabels(labels: Labels): number {
  return Number(xxHash64(encoded(labels))) / MAX_UINT64;
}

/** Names and values in order of names, each preceded by its length (one byte, or 255 and three bytes). */
function encoded(labels: Labels): Uint8Array {
  const bytes: number[] = [];
  for (const name of Object.keys(labels).sort(compareText)) {
    for (const text of [name, labels[name] ?? ""]) {
      const utf8 = encoder.encode(text);
      if (utf8.length < 255) bytes.push(utf8.length);
      else bytes.push(255, utf8.length & 255, (utf8.length >> 8) & 255, (utf8.length >> 16) & 255);
      for (const byte of utf8) bytes.push(byte);
    }
  }
  return Uint8Array.from(bytes);
}

/** XXH64 with seed 0. @see https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md */
export function xxHash64(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = bytes.length;
  let at = 0;
  let hash: bigint;
  if (length >= 32) {
    const lanes = [u64(PRIME_1 + PRIME_2), PRIME_2, 0n, u64(-PRIME_1)];
    for (; at + 32 <= length; at += 32) {
      for (let lane = 0; lane < 4; lane++) {
        lanes[lane] = round(lanes[lane] ?? 0n, view.getBigUint64(at + 8 * lane, true));
      }
    }
    const [a = 0n, b = 0n, c = 0n, d = 0n] = lanes;
    hash = u64(rotate(a, 1n) + rotate(b, 7n) + rotate(c, 12n) + rotate(d, 18n));
    for (const lane of lanes) hash = u64((hash ^ round(0n, lane)) * PRIME_1 + PRIME_4);
  } else hash = PRIME_5;
  hash = u64(hash + BigInt(length));
  for (; at + 8 <= length; at += 8) {
    hash = u64(rotate(hash ^ round(0n, view.getBigUint64(at, true)), 27n) * PRIME_1 + PRIME_4);
  }
  for (; at + 4 <= length; at += 4) {
    hash = u64(rotate(hash ^ u64(BigInt(view.getUint32(at, true)) * PRIME_1), 23n) * PRIME_2 + PRIME_3);
  }
  for (; at < length; at++) hash = u64(rotate(hash ^ u64(BigInt(bytes[at] ?? 0) * PRIME_5), 11n) * PRIME_1);
  hash = u64((hash ^ (hash >> 33n)) * PRIME_2);
  hash = u64((hash ^ (hash >> 29n)) * PRIME_3);
  return hash ^ (hash >> 32n);
}

function round(lane: bigint, input: bigint): bigint {
  return u64(rotate(u64(lane + input * PRIME_2), 31n) * PRIME_1);
}

function rotate(value: bigint, by: bigint): bigint {
  return u64((value << by) | (value >> (64n - by)));
}

function u64(value: bigint): bigint {
  return BigInt.asUintN(64, value);
}
