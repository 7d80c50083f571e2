import { appendFile, mkdtemp, rm, stat, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { RANDOM_VALUES } from "../probability.js";
import { DecisionBook } from "./decision-book.js";

let file: string;
const open: DecisionBook[] = [];

beforeEach(async () => {
  file = join(await mkdtemp(join(tmpdir(), "tocsin-book-")), "new", "forward.decisions");
});

afterEach(async () => {
  for (const book of open.splice(0)) await book.close();
  await rm(join(file, "../.."), { recursive: true, force: true });
});

async function openBook(size = 100): Promise<DecisionBook> {
  const book = await DecisionBook.open({ file, keptSize: size, droppedSize: size });
  open.push(book);
  return book;
}

const idOf = (number: number): string => String(number).padStart(16, "\xff");
const kept = (threshold: number) => ({ threshold, policy: 1 });
const readBack = (threshold: number) => ({ threshold, policy: -2 });

test("another process finds what was flushed, and nothing of what was not", async () => {
  const first = await openBook();
  first.add(idOf(1), kept(123));
  first.add(idOf(2), { threshold: RANDOM_VALUES, policy: -1 });
  await first.flush();
  first.add(idOf(3), kept(0));
  expect(first.get(idOf(3))).toEqual(kept(0));
  const second = await openBook();
  expect([1, 2, 3].map((id) => second.get(idOf(id)))).toEqual([
    readBack(123),
    readBack(RANDOM_VALUES),
    undefined,
  ]);
});

test("a block that was cut short costs itself alone, and is written over", async () => {
  const first = await openBook();
  first.add(idOf(1), kept(1));
  await first.flush();
  const { size } = await stat(file);
  first.add(idOf(2), kept(2));
  await first.flush();
  await truncate(file, size + 20);
  const second = await openBook();
  expect([1, 2].map((id) => second.get(idOf(id)))).toEqual([readBack(1), undefined]);
  second.add(idOf(3), kept(3));
  await second.flush();
  await appendFile(file, "noise that is no block");
  const third = await openBook();
  expect([1, 2, 3].map((id) => third.get(idOf(id)))).toEqual([readBack(1), undefined, readBack(3)]);
});

test("memory and disk are bounded; the latest are there, also after the file was turned over", async () => {
  const first = await openBook(10);
  for (let id = 0; id < 1_000; id++) {
    first.add(idOf(id), kept(id));
    await first.flush();
  }
  expect(first.size).toBeLessThanOrEqual(10);
  expect((await stat(file)).size).toBeLessThanOrEqual(20 * 32);
  const second = await openBook(10);
  for (let id = 996; id < 1_000; id++) expect(second.get(idOf(id))).toEqual(readBack(id));
  expect(second.get(idOf(900))).toBeUndefined();
});

test("a decision that is asked for is remembered longer", async () => {
  const book = await openBook(10);
  for (let id = 0; id < 100; id++) {
    book.add(idOf(id), kept(id));
    expect(book.get(idOf(0))).toEqual(kept(0));
  }
});
