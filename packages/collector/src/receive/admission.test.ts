import { ManualClock } from "@tocsin/model/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Admission, type AdmissionLimits, type Backpressure, type Reservation } from "./admission.js";

const LIMITS: AdmissionLimits = {
  maxInFlightBytes: 100,
  maxInFlightBytesPerSender: 60,
  maxWaiting: 8,
  maxWaitMs: 2_000,
};

/** An admission with a clock moved by hand, and a log of who was let in or refused, in order. */
function setUp(limits: Partial<AdmissionLimits> = {}, backpressure?: Backpressure) {
  const clock = new ManualClock(0);
  const admission = new Admission({ ...LIMITS, ...limits }, clock, backpressure);
  const log: string[] = [];
  const ask = (sender: string, bytes: number, name = sender): Reservation => {
    const reservation = admission.reserve(sender);
    reservation.admit(bytes).then(
      () => log.push(`${name} in`),
      (error) => log.push(`${name} ${error.reason}`),
    );
    return reservation;
  };
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  return { admission, clock, log, ask, settled };
}

/** A spool whose state is set by hand. */
function handMade() {
  let reason: "spool_full" | "behind" | undefined;
  const listeners = new Set<() => void>();
  return {
    set(next: typeof reason) {
      reason = next;
      for (const listener of listeners) listener();
    },
    listeners,
    backpressure: {
      holdUp: () => reason,
      onRelief: (listener: () => void) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    } satisfies Backpressure,
  };
}

describe("while there is room", () => {
  test("requests are let in at once and counted until they are released", async () => {
    const { admission, log, ask, settled } = setUp();
    const first = ask("a", 40);
    ask("b", 60);
    await settled();
    expect([log, admission.inFlightBytes, admission.waiting]).toEqual([["a in", "b in"], 100, 0]);
    first.release();
    first.release();
    expect(admission.inFlightBytes).toBe(60);
  });

  test("a body may turn out larger, as far as the limits go", () => {
    const { admission } = setUp();
    const reservation = admission.reserve("a");
    reservation.add(50);
    expect(() => reservation.add(20)).toThrow(expect.objectContaining({ reason: "sender_overload" }));
    const other = admission.reserve("b");
    other.add(50);
    expect(() => admission.reserve("c").add(1)).toThrow(expect.objectContaining({ reason: "overload" }));
    expect(admission.inFlightBytes).toBe(100);
  });
});

describe("without room", () => {
  test("a request waits and is let in when there is some", async () => {
    const { admission, log, ask, settled } = setUp();
    const first = ask("a", 60);
    ask("b", 60);
    await settled();
    expect([log, admission.waiting]).toEqual([["a in"], 1]);
    first.release();
    await settled();
    expect([log, admission.waiting, admission.inFlightBytes]).toEqual([["a in", "b in"], 0, 60]);
  });

  test.each([
    { name: "memory", reason: "overload" as const, ask: ["c", 50] as const },
    { name: "a sender's share", reason: "sender_overload" as const, ask: ["a", 20] as const },
  ])("of $name it is refused as $reason when its time is over", async ({ reason, ask: [sender, bytes] }) => {
    const { admission, clock, log, ask, settled } = setUp();
    ask("a", 50, "1st");
    ask("b", 50, "2nd");
    ask(sender, bytes, "late");
    await clock.advance(1_999);
    await settled();
    expect(log).toEqual(["1st in", "2nd in"]);
    await clock.advance(1);
    await settled();
    expect([log.at(-1), admission.waiting]).toEqual([`late ${reason}`, 0]);
  });

  test.each([
    { name: "no request may wait", limits: { maxWaitMs: 0 }, bytes: 50 },
    { name: "there is no place to wait", limits: { maxWaiting: 0 }, bytes: 50 },
    { name: "it could never fit", limits: {}, bytes: 61 },
  ])("it is refused at once where $name", async ({ limits, bytes }) => {
    const { log, ask, settled } = setUp(limits);
    ask("a", 60);
    ask("b", bytes);
    await settled();
    expect(log).toEqual(["a in", expect.stringMatching(/^b (sender_)?overload$/)]);
  });

  test("senders take turns, however many requests one of them has", async () => {
    const { log, ask, settled } = setUp({ maxInFlightBytes: 10 });
    let holder = ask("x", 10);
    const waiting = ["a1", "a2", "a3", "b1", "c1", "c2"].map((name) => ask(name[0], 10, name));
    for (const next of waiting) {
      holder.release();
      await settled();
      holder = next;
      // Whoever was let in releases next, in whatever order that is.
      for (const one of waiting) one.release();
      await settled();
    }
    expect(log).toEqual(["x in", "a1 in", "b1 in", "c1 in", "a2 in", "c2 in", "a3 in"]);
  });

  test("a sender that has its share does not hold up another", async () => {
    const { log, ask, settled } = setUp();
    ask("a", 60);
    ask("a", 10, "a2");
    ask("b", 40);
    await settled();
    expect(log).toEqual(["a in", "b in"]);
  });

  test("one sender gets half of the places", async () => {
    const { admission, log, ask, settled } = setUp();
    ask("a", 60);
    for (let n = 0; n < 6; n++) ask("a", 10, `a${n}`);
    await settled();
    expect([admission.waiting, log]).toEqual([4, ["a in", "a4 sender_overload", "a5 sender_overload"]]);
  });

  test("a large request that gives up lets those behind it pass", async () => {
    const { clock, log, ask, settled } = setUp();
    ask("a", 60);
    ask("b", 60);
    await clock.advance(1_000);
    ask("c", 10);
    await clock.advance(1_000);
    await settled();
    expect(log).toEqual(["a in", "b overload", "c in"]);
  });
});

describe("behind a spool", () => {
  test.each(["spool_full", "behind"] as const)(
    "that is %s requests wait, then are refused",
    async (reason) => {
      const spool = handMade();
      const { admission, clock, log, ask, settled } = setUp({}, spool.backpressure);
      spool.set(reason);
      ask("a", 1);
      await settled();
      expect(log).toEqual([]);
      spool.set(undefined);
      await settled();
      expect(log).toEqual(["a in"]);
      spool.set(reason);
      ask("b", 1);
      await clock.advance(2_000);
      await settled();
      expect(log).toEqual(["a in", `b ${reason}`]);
      admission.close();
      expect(spool.listeners.size).toBe(0);
    },
  );
});

test("whatever comes and goes: the limits hold, nobody is forgotten, nothing stays reserved", async () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant("ask" as const),
      sender: fc.constantFrom("a", "b", "c"),
      bytes: fc.integer({ min: 0, max: 70 }),
    }),
    fc.record({ kind: fc.constant("release" as const), which: fc.nat(20) }),
    fc.record({ kind: fc.constant("time" as const), ms: fc.nat(1_500) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const { admission, clock, log, ask, settled } = setUp();
      const reservations: Reservation[] = [];
      for (const one of steps) {
        if (one.kind === "ask") reservations.push(ask(one.sender, one.bytes));
        else if (one.kind === "time") await clock.advance(one.ms);
        else reservations[one.which % Math.max(1, reservations.length)]?.release();
        expect(admission.inFlightBytes).toBeLessThanOrEqual(LIMITS.maxInFlightBytes);
        expect(admission.waiting).toBeLessThanOrEqual(LIMITS.maxWaiting);
      }
      await clock.advance(2_000);
      await settled();
      expect([admission.waiting, log.length]).toEqual([0, reservations.length]);
      for (const reservation of reservations) reservation.release();
      expect(admission.inFlightBytes).toBe(0);
    }),
  );
});
