import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JournalRecord } from "@tocsin/alerts";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FileJournal, type FileJournalOptions } from "./file-journal.js";
import { decodeLine, encodeLine } from "./line.js";

let folder = "";
let path = "";
const opened: FileJournal[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tocsin-journal-"));
  path = join(folder, "state", "journal.log");
});

afterEach(async () => {
  for (const journal of opened.splice(0)) await journal.close();
  await rm(folder, { recursive: true });
});

async function openJournal(options: Partial<FileJournalOptions> = {}): Promise<FileJournal> {
  const journal = await FileJournal.open({ path, ...options });
  opened.push(journal);
  return journal;
}

async function allOf(journal: FileJournal): Promise<JournalRecord[]> {
  const records: JournalRecord[] = [];
  for await (const record of journal.read()) records.push(record);
  return records;
}

function fact(n: number): JournalRecord & { n: number } {
  return { kind: "test.fact", atMs: n, n };
}

test("gives back what was appended, in order, also after it was opened again", async () => {
  const first = await openJournal();
  await first.append(fact(1));
  await first.append({ ...fact(2), text: "line\nbreak \u2028 é" } as JournalRecord);
  await first.close();
  const second = await openJournal();
  await second.append(fact(3));
  expect(await allOf(second)).toEqual([fact(1), { ...fact(2), text: "line\nbreak \u2028 é" }, fact(3)]);
});

test("records that wait together share an fsync and keep their order", async () => {
  const journal = await openJournal();
  await Promise.all(Array.from({ length: 200 }, (_, n) => journal.append(fact(n))));
  expect((await allOf(journal)).map(({ atMs }) => atMs)).toEqual(Array.from({ length: 200 }, (_, n) => n));
  expect(journal.stats.appended).toBe(200);
  expect(journal.stats.fsyncs).toBeLessThan(20);
});

test.each([
  { name: "half a line", tail: encodeLine(fact(9)).slice(0, 20) },
  { name: "a whole line without its line feed", tail: encodeLine(fact(9)).trimEnd() },
  { name: "zeros, as a file system leaves them after a loss of power", tail: "\0".repeat(4096) },
  { name: "a line whose checksum is wrong", tail: encodeLine(fact(9)).replace("9", "8") },
])("cuts off a torn tail: $name", async ({ tail }) => {
  const first = await openJournal();
  await first.append(fact(1));
  await first.close();
  await appendFile(path, tail);
  const second = await openJournal();
  await second.append(fact(2));
  expect(await allOf(second)).toEqual([fact(1), fact(2)]);
  expect(second.stats.damagedRecords).toBe(0);
});

test("a damaged record inside is skipped and counted, the rest stays readable", async () => {
  await openJournal().then((journal) => journal.close());
  await writeFile(
    path,
    encodeLine(fact(1)) + encodeLine(fact(2)).replace("fact", "fict") + encodeLine(fact(3)),
  );
  const journal = await openJournal();
  expect(await allOf(journal)).toEqual([fact(1), fact(3)]);
  expect(journal.stats.damagedRecords).toBe(1);
});

test("compaction keeps what each part asks for and all of the parts that ask nothing", async () => {
  const journal = await openJournal();
  journal.addCompaction({ part: "test", keep: (records) => records.slice(-1) });
  await Promise.all([1, 2, 3].map((n) => journal.append(fact(n))));
  await journal.append({ kind: "other.fact", atMs: 4 });
  const compacting = journal.compact();
  const appending = journal.append(fact(5));
  await Promise.all([compacting, appending]);
  const want = [{ kind: "other.fact", atMs: 4 }, fact(3), fact(5)];
  expect(await allOf(journal)).toEqual(want);
  await journal.close();
  expect(await allOf(await openJournal())).toEqual(want);
});

test("compacts by itself once it has grown, and stays small", async () => {
  const journal = await openJournal({ compactAtBytes: 2_000 });
  journal.addCompaction({ part: "test", keep: (records) => records.slice(-1) });
  for (let n = 0; n < 500; n++) await journal.append(fact(n));
  expect(journal.stats.compactions).toBeGreaterThan(5);
  expect((await readFile(path)).length).toBeLessThan(3_000);
  expect((await allOf(journal)).at(-1)).toEqual(fact(499));
});

test("close writes what was accepted, and refuses what comes later", async () => {
  const journal = await openJournal();
  const accepted = Promise.all([journal.append(fact(1)), journal.append(fact(2))]);
  await journal.close();
  await journal.close();
  await accepted;
  await expect(journal.append(fact(3))).rejects.toMatchObject({ code: "JOURNAL_CLOSED" });
  expect(await allOf(await openJournal())).toEqual([fact(1), fact(2)]);
});

test("decode(encode(record)) = record for any JSON", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 3 }), (value) => {
      const record = { kind: "test.any", atMs: 1, value: JSON.parse(JSON.stringify(value)) as unknown };
      expect(decodeLine(encodeLine(record).slice(0, -1))).toEqual(record);
    }),
  );
});

test("no damaged line decodes: any changed character is noticed", () => {
  const line = encodeLine(fact(7)).slice(0, -1);
  fc.assert(
    fc.property(fc.nat(line.length - 1), fc.integer({ min: 32, max: 126 }), (index, code) => {
      const changed = line.slice(0, index) + String.fromCharCode(code) + line.slice(index + 1);
      fc.pre(changed !== line);
      expect(decodeLine(changed)).toBeUndefined();
    }),
  );
});
