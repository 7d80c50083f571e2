import { expect, test } from "vitest";
import { Outbox } from "./outbox.js";
import type { Outcome } from "./post.js";
import { type Note, Shared } from "./protocol.js";

/** An outbox whose collector answers when told, and whose clock stands still until it is moved. */
function outbox(random = 0) {
  const notes: Note[] = [];
  const waits: { ms: number; over: () => void }[] = [];
  const answers: ((outcome: Outcome) => void)[] = [];
  const shared = new Shared();
  let posted = (): void => {};
  const made = new Outbox({
    signal: "traces",
    shared,
    note: (note) => void notes.push(note),
    post: () =>
      new Promise((resolve) => {
        answers.push(resolve);
        posted();
      }),
    now: () => 0,
    random: () => random,
    wait: (ms) => new Promise((over) => void waits.push({ ms, over })),
  });
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  return {
    notes,
    waits,
    shared,
    send: () => made.add({ parts: [new Uint8Array(1)], count: 1, pendingBytes: 1 }),
    answer: async (outcome: Outcome) => {
      if (answers.length === 0)
        await new Promise<void>((resolve) => {
          posted = resolve;
        });
      answers.shift()?.(outcome);
      await settled();
    },
    pass: async (ms: number) => {
      for (const wait of waits.splice(0)) if (wait.ms <= ms) wait.over();
      await settled();
    },
  };
}

const later = (retryAfterMs?: number): Outcome => ({ kind: "later", why: "answered 503", retryAfterMs });
const OK: Outcome = { kind: "accepted", rejected: 0, why: "" };

test("a collector that has not answered within 5 s is told of, and so is its answer", async () => {
  const { notes, send, pass, answer } = outbox();
  send();
  await pass(5000);
  expect(notes).toEqual([
    { kind: "unreachable", signal: "traces", why: "no answer within 5000 ms", retryMs: 0 },
  ]);
  await answer(OK);
  expect(notes.slice(1)).toEqual([{ kind: "recovered", signal: "traces", afterMs: 0 }]);
});

test("one that has answered by then is not", async () => {
  const { notes, send, pass, answer } = outbox();
  send();
  await answer(OK);
  await pass(5000);
  expect(notes).toEqual([{ kind: "connected", signal: "traces", ms: 0 }]);
});

test.each([
  { name: "full jitter without one", retryAfterMs: undefined, random: 0.5, ms: 500 },
  { name: "not before it", retryAfterMs: 2000, random: 0, ms: 2000 },
  { name: "jitter on top", retryAfterMs: 2000, random: 0.5, ms: 2500 },
  { name: "at once is not at once", retryAfterMs: 0, random: 0, ms: 200 },
  { name: "nobody waits for years", retryAfterMs: 9_999_999_999_000, random: 0, ms: 600_000 },
])("Retry-After: $name", async ({ retryAfterMs, random, ms }) => {
  const { notes, send, answer } = outbox(random);
  send();
  await answer(later(retryAfterMs));
  expect(notes).toEqual([{ kind: "unreachable", signal: "traces", why: "answered 503", retryMs: ms }]);
});

test("a long wait that the collector asks for is told of each minute", async () => {
  const { notes, send, answer, waits, pass } = outbox();
  send();
  await answer(later(130_000));
  waits.splice(0, waits.length, ...waits.filter(({ ms }) => ms !== 5000));
  expect(waits.map(({ ms }) => ms)).toEqual([60_000]);
  await pass(60_000);
  await pass(60_000);
  expect(waits.map(({ ms }) => ms)).toEqual([10_000]);
  const seen = notes.map((note) => (note.kind === "unreachable" ? note.retryMs : note.kind));
  expect(seen).toEqual([130_000, 70_000, 10_000]);
});

test("a collector that refuses everything is not said to be reached", async () => {
  const { notes, send, answer, shared } = outbox();
  send();
  await answer({ kind: "refused", why: "answered 401" });
  expect(notes).toEqual([{ kind: "rejected", signal: "traces", why: "answered 401", count: 1 }]);
  expect(shared.dropped("traces", "rejected")).toBe(1);
});
