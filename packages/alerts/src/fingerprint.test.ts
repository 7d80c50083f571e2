import type { Labels } from "@tocsin/model";
import { expect, test } from "vitest";
import { fingerprint } from "./fingerprint.js";

/** The same sum with big integers, straight from the definition of 64-bit FNV-1a. */
function reference(labels: Labels): string {
  let sum = 0xcbf29ce484222325n;
  const bytes = Object.keys(labels)
    .sort()
    .flatMap((name) => [...Buffer.from(name), 255, ...Buffer.from(labels[name]!), 255]);
  for (const byte of bytes) sum = ((sum ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
  return sum.toString(16).padStart(16, "0");
}

test.each<{ name: string; labels: Labels }>([
  { name: "no labels give the offset basis", labels: {} },
  { name: "one label", labels: { alertname: "HighErrors" } },
  { name: "several labels in any order", labels: { severity: "page", alertname: "x", instance: "a:9090" } },
  { name: "text beyond ASCII", labels: { alertname: "größer", город: "Köln €😀x" } },
])("the fingerprint is the 64-bit FNV-1a sum: $name", ({ labels }) => {
  expect(fingerprint(labels)).toBe(reference(labels));
});
