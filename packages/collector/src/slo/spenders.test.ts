import fc from "fast-check";
import { expect, test } from "vitest";
import type { ObservedRequests } from "../signals/requests.js";
import { MAX_SPENDERS, OTHER_SPENDER, Spenders } from "./spenders.js";

const NOW = 1_790_000_000;
const DAY = 86_400;
const MONTH_MS = 30 * DAY * 1_000;

function requests(changed: Partial<ObservedRequests>): ObservedRequests {
  return {
    service: "checkout",
    version: "1",
    environment: "",
    route: "/",
    fromSecond: NOW,
    toSecond: NOW,
    count: 1,
    isError: false,
    errorType: "",
    kind: "server",
    attribute: () => "",
    countSlowerThan: () => 0,
    ...changed,
  };
}

function routesOf(spenders: Spenders, seconds: number, nowSecond = NOW): Record<string, number> {
  return Object.fromEntries(
    spenders
      .top(nowSecond - seconds, nowSecond, 100)
      .filter(({ by }) => by === "route")
      .map(({ value, bad }) => [value, bad]),
  );
}

test("each length of time is told by slots of its own, over by less than one of them", () => {
  const events = fc.array(fc.record({ ago: fc.integer({ min: 0, max: 31 * DAY }), route: fc.nat(5) }), {
    maxLength: 100,
  });
  const lengths = fc.constantFrom([3_600, 600], [6 * 3_600, 3_600], [3 * DAY, 43_200], [30 * DAY, 5 * DAY]);
  fc.assert(
    fc.property(events, lengths, (found, [length = 0, slot = 0]) => {
      const spenders = new Spenders(MONTH_MS);
      spenders.add(requests({ route: "/now" }), 0);
      for (const { ago, route } of found)
        spenders.add(requests({ toSecond: NOW - ago, route: `/${route}` }), 1);
      const told = routesOf(spenders, length);
      for (let route = 0; route <= 5; route++) {
        const agos = found.filter((each) => each.route === route).map(({ ago }) => ago);
        const within = (seconds: number) => agos.filter((ago) => ago <= seconds).length;
        expect(told[`/${route}`] ?? 0).toBeGreaterThanOrEqual(within(length - 1));
        expect(told[`/${route}`] ?? 0).toBeLessThanOrEqual(within(length + slot));
      }
    }),
  );
});

test("memory is bounded, no bad event is lost, and the greatest spender is always named", () => {
  const spenders = new Spenders(MONTH_MS);
  for (let index = 0; index < 1_000; index++) {
    spenders.add(requests({ route: `/tail/${index}` }), 1);
    spenders.add(requests({ route: "/pay", count: 3 }), 2);
  }
  const told = routesOf(spenders, 3_600);
  expect(Object.keys(told).length).toBeLessThanOrEqual(MAX_SPENDERS + 1);
  expect(told["/pay"]).toBe(2_000);
  expect(told[OTHER_SPENDER]).toBeGreaterThan(900);
  expect(Object.values(told).reduce((sum, bad) => sum + bad, 0)).toBe(3_000);
});

test("what succeeded does not push out what failed", () => {
  const spenders = new Spenders(MONTH_MS);
  spenders.add(requests({ route: "/pay" }), 1);
  for (let index = 0; index < 100; index++) spenders.add(requests({ route: `/good/${index}` }), 0);
  expect(routesOf(spenders, 3_600)).toEqual({ "/pay": 1 });
});

test("time passes over what was spent before the period", () => {
  const spenders = new Spenders(MONTH_MS);
  spenders.add(requests({ route: "/old" }), 5);
  const later = NOW + 60 * DAY;
  spenders.add(requests({ route: "/new", toSecond: later }), 1);
  expect(routesOf(spenders, 30 * DAY, later)).toEqual({ "/new": 1 });
});

test("what was written comes back, except for another period", () => {
  const spenders = new Spenders(MONTH_MS);
  spenders.add(requests({ route: "/pay", errorType: "500" }), 1);
  const state = JSON.parse(JSON.stringify(spenders.toJSON()));
  const same = new Spenders(MONTH_MS);
  same.load(state);
  expect(same.top(0, NOW, 9)).toEqual(spenders.top(0, NOW, 9));
  const other = new Spenders(7 * DAY * 1_000);
  other.load(state);
  expect(other.top(0, NOW, 9)).toEqual([]);
});
