import { expect, test } from "vitest";
import { age, burn, latency, number, objective, percent, perSecond } from "./format.js";
import { parseRoute } from "./route.js";

test.each([
  [number(0.021345), "0.0213"],
  [number(1234), "1,230"],
  [perSecond(40), "40 /s"],
  [percent(0.0917), "9.17 %"],
  [percent(0), "0 %"],
  [percent(null), "–"],
  [objective(0.99995), "99.995 %"],
  [latency(0.0123456), "12.3 ms"],
  [latency(1.25), "1.25 s"],
  [latency(null), "–"],
  [burn(91.7), "91.7×"],
  [burn(null), "–"],
])("%s is %s", (seen, want) => {
  expect(seen).toBe(want);
});

test.each([
  [0, "now"],
  [12_000, "12 s"],
  [240_000, "4 min"],
  [3 * 3_600_000, "3 h"],
  [3 * 86_400_000, "3 d"],
  [-5_000, "now"],
])("%i ms ago is %s", (agoMs, want) => {
  expect(age(1_000_000_000 - agoMs, 1_000_000_000)).toBe(want);
});

test.each([
  ["/", { page: "overview" }],
  ["/services", { page: "services" }],
  ["/services/a%2Fb", { page: "service", name: "a/b" }],
  ["/services/%zz", { page: "service", name: "%zz" }],
  ["/actions/act-1", { page: "action", name: "act-1" }],
  ["/nothing", { page: "unknown", path: "/nothing" }],
  ["/slos/a/b", { page: "unknown", path: "/slos/a/b" }],
])("%s leads to %o", (path, want) => {
  expect(parseRoute(path)).toEqual(want);
});
