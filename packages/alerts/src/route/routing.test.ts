import { describe, expect, test } from "vitest";
import { RouteConfig } from "../config/route.js";
import { AlertRegistry, type RoutedAlert } from "../dispatch/alert-registry.js";
import { Inhibitor } from "../dispatch/inhibitor.js";
import { reasonToTell } from "../dispatch/notification-log.js";
import { fingerprint } from "../fingerprint.js";
import { parseMatchers } from "./matcher.js";
import { buildRouteTree, groupKey, groupLabels, matchRoutes } from "./route-tree.js";
import { containsTime, TimeInterval } from "./time-interval.js";

const tree = buildRouteTree(
  RouteConfig.parse({
    receiver: "default",
    group_by: ["alertname"],
    routes: [
      {
        matchers: ["team=shop"],
        receiver: "shop",
        group_by: ["..."],
        routes: [{ match: { severity: "page" }, receiver: "shop-pager", group_wait: "5s" }],
      },
      { match_re: { severity: "page|ticket" }, receiver: "all", continue: true },
      { matchers: ['service=~"pay.*"', "env!=dev"], receiver: "pay" },
    ],
  }),
);

test.each([
  [{}, ["default"]],
  [{ team: "shop" }, ["shop"]],
  [{ team: "shop", severity: "page" }, ["shop-pager"]],
  [{ severity: "page" }, ["all"]],
  [{ severity: "page", service: "payments" }, ["all", "pay"]],
  [{ service: "payments", env: "dev" }, ["default"]],
])("%o goes to %o", (labels, want) => {
  expect(matchRoutes(tree, labels).map(({ receiver }) => receiver)).toEqual(want);
});

test("an empty group_by says nothing; the older regexes stand in keys with their anchors, as in Alertmanager", () => {
  const route = RouteConfig.parse({
    receiver: "a",
    group_by: ["alertname"],
    routes: [{ group_by: [], match_re: { service: "a|b" }, match: { z: "1" }, matchers: ["job=~x.*"] }],
  });
  expect(buildRouteTree(route).children[0]).toMatchObject({
    groupBy: ["alertname"],
    key: '{}/{job=~"x.*",service=~"^(?:a|b)$",z="1"}',
  });
});

test("what a route leaves out comes from its parent, and keys name the way", () => {
  const [route] = matchRoutes(tree, { team: "shop", severity: "page" });
  expect(route).toMatchObject({
    key: '{}/{team="shop"}/{severity="page"}',
    groupWaitMs: 5_000,
    groupIntervalMs: 300_000,
    groupBy: undefined,
  });
  expect(groupKey(tree, groupLabels(tree, { alertname: "A", x: "y" }))).toBe('{}:{alertname="A"}');
});

describe("whether there is something to tell", () => {
  const options = { sendResolved: true, repeatIntervalMs: 1_000, nowMs: 500, areRepeatsStopped: false };
  test.each([
    ["nothing was told and nothing fires", undefined, [], ["a"], {}, undefined],
    ["first fire", undefined, ["a"], [], {}, "first"],
    ["no change", ["a"], ["a"], [], {}, undefined],
    ["one more", ["a"], ["a", "b"], [], {}, "new-firing"],
    ["one less", ["a", "b"], ["a"], ["b"], {}, "new-resolved"],
    ["one less, ends are not sent", ["a", "b"], ["a"], ["b"], { sendResolved: false }, undefined],
    ["all ended", ["a"], [], ["a"], {}, "all-resolved"],
    ["repeat is due", ["a"], ["a"], [], { nowMs: 1_001 }, "repeat"],
    [
      "repeat is due and acknowledged",
      ["a"],
      ["a"],
      [],
      { nowMs: 1_001, areRepeatsStopped: true },
      undefined,
    ],
    ["the clock was set back by hours", ["a"], ["a"], [], { nowMs: -7_200_000 }, "repeat"],
  ] as const)("%s", (_, told, firing, resolved, more, want) => {
    const last = told && { atMs: 0, firing: told, resolved: [] };
    expect(reasonToTell(last, { firing, resolved }, { ...options, ...more })).toBe(want);
  });
});

describe("inhibition", () => {
  const alert = (labels: Record<string, string>, endsAtMs?: number): RoutedAlert => ({
    id: fingerprint(labels),
    fingerprint: fingerprint(labels),
    labels,
    annotations: {},
    startsAtMs: 0,
    endsAtMs,
    updatedAtMs: 0,
    generatorUrl: "",
  });
  const rules = [
    {
      source: parseMatchers("severity=page"),
      target: parseMatchers('severity=~"page|ticket"'),
      equal: ["slo"],
    },
  ];

  test("a page mutes the ticket of the same SLO while it fires, and never itself or another page", () => {
    const registry = new AlertRegistry();
    const inhibitor = new Inhibitor(rules, registry);
    registry.put(alert({ severity: "page", slo: "a" }));
    registry.put(alert({ severity: "page", slo: "a", route: "x" }));
    expect(inhibitor.inhibitedBy({ severity: "ticket", slo: "a" }, 1)).toHaveLength(1);
    expect(inhibitor.inhibitedBy({ severity: "ticket", slo: "b" }, 1)).toEqual([]);
    expect(inhibitor.inhibitedBy({ severity: "page", slo: "a" }, 1)).toEqual([]);
    registry.put(alert({ severity: "page", slo: "a" }, 5));
    registry.put(alert({ severity: "page", slo: "a", route: "x" }, 5));
    expect(inhibitor.inhibitedBy({ severity: "ticket", slo: "a" }, 6)).toEqual([]);
  });
});

describe("time intervals", () => {
  const interval = (config: object) => TimeInterval.parse(config);
  const at = (text: string) => Date.parse(text);
  test.each([
    [
      { weekdays: ["monday:friday"], times: [{ start_time: "09:00", end_time: "17:00" }] },
      "2026-11-20T09:00:00Z",
      true,
    ],
    [
      { weekdays: ["monday:friday"], times: [{ start_time: "09:00", end_time: "17:00" }] },
      "2026-11-20T17:00:00Z",
      false,
    ],
    [{ weekdays: ["monday:friday"] }, "2026-11-21T12:00:00Z", false],
    // 09:00 in Berlin is 08:00 UTC in winter and 07:00 in summer.
    [
      { times: [{ start_time: "09:00", end_time: "10:00" }], location: "Europe/Berlin" },
      "2026-11-20T08:30:00Z",
      true,
    ],
    [
      { times: [{ start_time: "09:00", end_time: "10:00" }], location: "Europe/Berlin" },
      "2026-07-20T07:30:00Z",
      true,
    ],
    [
      { times: [{ start_time: "09:00", end_time: "10:00" }], location: "Europe/Berlin" },
      "2026-07-20T08:30:00Z",
      false,
    ],
    [{ days_of_month: ["-1"] }, "2026-02-28T12:00:00Z", true],
    [{ days_of_month: ["-1"] }, "2028-02-28T12:00:00Z", false],
    [{ days_of_month: ["1:3", "-3:-1"] }, "2026-11-29T12:00:00Z", true],
    [{ days_of_month: ["30:31"] }, "2026-02-28T12:00:00Z", false],
    [{ months: ["november:december"], years: ["2026"] }, "2026-11-21T00:00:00Z", true],
    [{ months: [1, "3:5"] }, "2026-11-21T00:00:00Z", false],
    [{}, "2026-11-21T00:00:00Z", true],
  ])("%o at %s: %s", (config, text, want) => {
    expect(containsTime(interval(config), at(text))).toBe(want);
  });
  test.each([
    [{ weekdays: ["moonday"] }, /moonday.* is not a range of weekdays/],
    [{ times: [{ start_time: "17:00", end_time: "09:00" }] }, "start_time must be before end_time."],
    [{ days_of_month: ["-1:5"] }, "is not a range of days of the month"],
    [{ location: "Mars/Olympus" }, /Mars\/Olympus.* is not a time zone/],
  ])("%o is refused", (config, want) => {
    expect(() => interval(config)).toThrow(want);
  });
});

test.each([
  ['alertname="tocsin_watchdog"', ["deadman"]],
  ['alertname=~"tocsin_.*"', ["deadman"]],
  ['alertname=~".+"', []],
  ['alertname!="Other"', []],
  ['severity="none"', []],
])("the watchdog takes the route %s: %j", (matcher, want) => {
  const tree = buildRouteTree(
    RouteConfig.parse({ receiver: "mail", routes: [{ receiver: "deadman", matchers: [matcher] }] }),
  );
  const labels = { alertname: "tocsin_watchdog", severity: "none" };
  expect(matchRoutes(tree, labels).map(({ receiver }) => receiver)).toEqual(want);
});
