import { ManualClock } from "@tocsin/model/testing";
import { expect, test } from "vitest";
import { FaultLog } from "./fault-log.js";

const BEGIN_MS = 1_790_000_000_000;

function open() {
  const clock = new ManualClock(BEGIN_MS);
  const told: (readonly object[])[] = [];
  const log = new FaultLog<{ sender: string; message: string }>(clock, (fresh) => told.push(fresh));
  return { clock, told, log };
}

test("tells once a minute what is new, with its count in that minute, and nothing when nothing is", async () => {
  const { clock, told, log } = open();
  log.note("a", { sender: "a", message: "first" });
  log.note("a", { sender: "a", message: "second" }, 2);
  log.note("b", { sender: "b", message: "nothing" }, 0);
  await clock.advance(120_000);
  expect(told).toEqual([[{ sender: "a", message: "first", count: 3 }]]);
  log.note("a", { sender: "a", message: "third" });
  await clock.advance(60_000);
  expect(told[1]).toEqual([{ sender: "a", message: "third", count: 1 }]);
  log.close();
});

test("remembers the latest of each key with all its count, the latest first, and forgets the longest silent", async () => {
  const { clock, log } = open();
  for (let index = 0; index < 200; index++) log.note(`${index}`, { sender: `${index}`, message: "" });
  await clock.advance(1_000);
  log.note("0", { sender: "0", message: "again" });
  log.note("new", { sender: "new", message: "" });
  const list = log.list();
  expect(list).toHaveLength(200);
  expect(list[1]).toEqual({ sender: "0", message: "again", count: 2, lastAtMs: BEGIN_MS + 1_000 });
  expect(list.map(({ sender }) => sender)).not.toContain("1");
  log.close();
});
