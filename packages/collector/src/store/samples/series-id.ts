import { createHash } from "node:crypto";
import { type Labels, labelsKey } from "@tocsin/model";

/** Ids of label sets that live on, so that each is hashed once. */
const KNOWN = new WeakMap<Labels, bigint>();

/** 64 bits of the hash of a label set: the same in every process, so that a series written twice is one series. */
export function seriesId(labels: Labels): bigint {
  const known = KNOWN.get(labels);
  if (known !== undefined) return known;
  const id = createHash("sha256").update(labelsKey(labels)).digest().readBigUInt64LE();
  KNOWN.set(labels, id);
  return id;
}
