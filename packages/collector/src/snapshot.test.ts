import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readSnapshot, writeSnapshot } from "./snapshot.js";

let folder: string;
let file: string;
const snapshot = {
  position: { segment: 3, offset: 4_711 },
  parts: {
    signals: [new Uint8Array([1, 10, 2])],
    slo: [],
    more: [new TextEncoder().encode("{"), new TextEncoder().encode("}\n")],
  },
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tocsin-snapshot-"));
  file = join(folder, "state");
});

afterEach(() => rm(folder, { recursive: true }));

test("what was written is read back, position and state together", async () => {
  await writeSnapshot(file, snapshot);
  const read = await readSnapshot(file);
  if (read === undefined || read === "damaged") throw new Error("must be readable");
  expect(read.position).toEqual(snapshot.position);
  expect(Object.keys(read.parts)).toEqual(["signals", "slo", "more"]);
  expect([...read.parts.signals!]).toEqual([1, 10, 2]);
  expect(Buffer.from(read.parts.more!).toString()).toBe("{}\n");
});

test("many and large pieces come back as one", async () => {
  const pieces = Array.from({ length: 3_000 }, (_, index) => new Uint8Array(1_500).fill(index % 251));
  await writeSnapshot(file, { ...snapshot, parts: { slos: pieces } });
  const read = await readSnapshot(file);
  if (read === undefined || read === "damaged") throw new Error("must be readable");
  expect(Buffer.concat(pieces).equals(read.parts.slos!)).toBe(true);
});

test("there is none at first", async () => {
  expect(await readSnapshot(file)).toBeUndefined();
});

test("a file cut or changed at any byte is never taken for a snapshot", async () => {
  await writeSnapshot(file, snapshot);
  const whole = await readFile(file);
  for (let at = 0; at < whole.length; at++) {
    await writeFile(file, whole.subarray(0, at));
    expect(await readSnapshot(file)).toBe("damaged");
    const flipped = Buffer.from(whole);
    flipped[at] = flipped[at]! ^ 0x01;
    await writeFile(file, flipped);
    expect(await readSnapshot(file)).toBe("damaged");
  }
});
