import fc from "fast-check";
import { expect, test } from "vitest";
import type { ObservedRequests } from "../signals/requests.js";
import { decodeNumbers, NumberWriter } from "./number-codec.js";
import { OTHER_SPENDER } from "./spender-table.js";
import { MAX_SPENDERS, Spenders } from "./spenders.js";

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
  expect(Object.keys(told).length).toBeLessThanOrEqual(MAX_SPENDERS.route + 1);
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

test("what was written comes back, and goes on counting", () => {
  const observed = fc.array(
    fc.record({
      toSecond: fc.integer({ min: NOW - 40 * DAY, max: NOW }),
      route: fc.nat(14).map(String),
      version: fc.nat(7).map(String),
      errorType: fc.nat(10).map(String),
      count: fc.constantFrom(1, 3, 7, 1_000_000, 2.5, 10 / 3),
    }),
    { maxLength: 60 },
  );
  const writer = new NumberWriter();
  fc.assert(
    fc.property(observed, (all) => {
      const spenders = new Spenders(MONTH_MS);
      for (const each of all) spenders.add(requests(each), each.count / 2);
      const loaded = new Spenders(MONTH_MS);
      spenders.writeNumbers(writer);
      loaded.load(spenders.names(), decodeNumbers(writer.take()));
      for (const each of [spenders, loaded]) each.add(requests({ route: "/new" }), 1);
      for (const since of [600, 3_600, DAY, 30 * DAY]) {
        const [is, was] = [loaded, spenders].map((each) => each.top(NOW - since, NOW, 99));
        // Weights that are no whole numbers are kept to a thousandth.
        const rounded = (list: typeof is) =>
          list!.map(({ by, value, bad }) => `${by} ${value} ${bad.toFixed(1)}`).sort();
        expect(rounded(is)).toEqual(rounded(was));
      }
    }),
  );
});

test("memory does not grow beyond four kilobytes, or eight where weights are no whole numbers", () => {
  const spenders = new Spenders(MONTH_MS);
  for (let index = 0; index < 1_000; index++) {
    const [route, version, errorType] = [`/${index}`, `1.${index}`, `Error${index}`];
    spenders.add(requests({ route, version, errorType }), 1);
  }
  expect(spenders.sizeBytes).toBeLessThanOrEqual(4_000);
  spenders.add(requests({ count: 2.5 }), 0.5);
  expect(spenders.sizeBytes).toBeLessThanOrEqual(8_000);
});
