import fc from "fast-check";
import { expect, test } from "vitest";
import type { ObservedRequests } from "../signals/requests.js";
import { compileSlo } from "./compile.js";
import { SloConfig } from "./config.js";
import { SloTracker } from "./tracker.js";

const NOW = Date.parse("2026-11-20T14:00:00Z") / 1_000;

const budgetings = [
  { method: "occurrences" },
  { method: "timeslices", slice: "1m", target: "90%" },
  { method: "ratio_timeslices", slice: "1m" },
];

function specs(change: object = {}) {
  return budgetings.map((budgeting, index) =>
    compileSlo(
      SloConfig.parse({
        name: `slo-${index}`,
        service: "shop",
        objective: "99%",
        sli: { type: "availability" },
        budgeting,
        by: index === 0 ? ["route"] : [],
        ...change,
      }),
    ),
  );
}

const happening = fc.oneof(
  fc.record({
    kind: fc.constant("requests" as const),
    ago: fc.nat(3_000),
    route: fc.nat(3),
    isError: fc.boolean(),
    count: fc.constantFrom(1, 5, 2.5),
  }),
  fc.record({ kind: fc.constant("time" as const), seconds: fc.nat(5_000) }),
  fc.record({ kind: fc.constant("correction" as const), ago: fc.nat(3_000) }),
);
type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never;

/** Lets things happen to the SLOs, one after the other. */
function* happen(tracker: SloTracker, all: readonly Happening[]): Generator<void> {
  let second = NOW;
  for (const each of all) {
    if (each.kind === "time") {
      second += each.seconds;
      for (const { book } of tracker.tracked()) book.settle(second * 1_000);
    } else if (each.kind === "correction") {
      const fromMs = (second - each.ago) * 1_000;
      tracker.exclude("slo-0", { kind: "once", fromMs, toMs: fromMs + 60_000, reason: "test" });
    } else tracker.onRequests(requests(second - each.ago, `/${each.route}`, each.isError, each.count));
    yield;
  }
}

function requests(second: number, route: string, isError: boolean, count: number): ObservedRequests {
  return {
    kind: "server",
    service: "shop",
    version: "1",
    environment: "",
    route,
    fromSecond: second,
    toSecond: second,
    count,
    isError,
    errorType: isError ? "500" : "",
    countSlowerThan: () => 0,
    attribute: () => "",
  };
}

test("a snapshot that is made while events go on being counted tells of the moment at which it was begun", () => {
  fc.assert(
    fc.property(
      fc.array(happening, { maxLength: 20 }),
      fc.array(happening, { maxLength: 20 }),
      fc.nat(2),
      (before, meanwhile, each) => {
        const tracker = new SloTracker(specs());
        for (const _ of happen(tracker, before));
        // Whatever is kept from an earlier snapshot must not show in this one.
        if (each === 0) tracker.snapshot();
        const wanted = Buffer.from(tracker.snapshot());
        const goingOn = happen(tracker, meanwhile);
        const made: Uint8Array[] = [];
        for (const piece of tracker.freeze().pieces()) {
          made.push(piece);
          for (let count = 0; count <= each; count++) goingOn.next();
        }
        expect(Buffer.concat(made).equals(wanted)).toBe(true);
        for (const _ of goingOn);
        const reread = new SloTracker(specs());
        reread.restore(tracker.snapshot());
        expect(Buffer.from(reread.snapshot()).equals(tracker.snapshot())).toBe(true);
      },
    ),
    { numRuns: 60 },
  );
});

test("other objectives and periods keep the counts, also of a snapshot that is being made", () => {
  const tracker = new SloTracker(specs());
  for (const route of ["/a", "/b"]) tracker.onRequests(requests(NOW, route, true, 7));
  const wanted = Buffer.from(tracker.snapshot());
  const { pieces } = tracker.freeze();
  tracker.reconfigure(specs({ objective: "95%", window: "7d" }));
  tracker.onRequests(requests(NOW, "/a", true, 1));
  expect(Buffer.concat([...pieces()]).equals(wanted)).toBe(true);
  const counts = (route: string) => tracker.find("slo-0", { route })?.book.periodCounts(NOW * 1_000 + 1_000);
  expect([counts("/a"), counts("/b")]).toEqual([
    { bad: 8, total: 8 },
    { bad: 7, total: 7 },
  ]);
  tracker.reconfigure(specs({ sli: { type: "latency", threshold: "1s" } }));
  expect(tracker.find("slo-0")).toBeUndefined();
});

test("a snapshot of another form is refused, and an empty one is none", () => {
  const tracker = new SloTracker(specs());
  expect(tracker.restore(new Uint8Array())).toEqual([]);
  expect(() => tracker.restore(Uint8Array.of(1, 2, 3))).toThrow(
    "SLO counts of the form 1; this version reads 2",
  );
});
