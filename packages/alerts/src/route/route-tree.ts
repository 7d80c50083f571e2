import type { Labels } from "@tocsin/model";
import type { EscalationConfig, RouteConfig } from "../config/route.js";
import { routeMatchers } from "../config/route.js";
import { WATCHDOG } from "../rule/watchdog.js";
import { SILENCE_ENDING } from "../silence/ending-source.js";
import { formatMatchers, type Matcher, matchesAll } from "./matcher.js";

/** A route with everything that it inherits filled in. Durations in ms. */
export interface Route {
  /** Alertmanager's key: the matchers on the way, `{}/{severity="page"}`. Part of every group key. */
  readonly key: string;
  /** Positions among the siblings on the way down, `0.2`; tells apart routes with equal matchers. */
  readonly position: string;
  readonly receiver: string;
  readonly matchers: readonly Matcher[];
  /** Labels that make a group; `undefined` for every label (`...`). */
  readonly groupBy: readonly string[] | undefined;
  readonly groupWaitMs: number;
  readonly groupIntervalMs: number;
  readonly repeatIntervalMs: number;
  readonly muteTimeIntervals: readonly string[];
  readonly activeTimeIntervals: readonly string[];
  readonly continues: boolean;
  readonly escalation: EscalationConfig | undefined;
  /** Whether a matcher on the way names some alerts and not others, so that the route was meant for those. */
  readonly namesAlerts: boolean;
  readonly children: readonly Route[];
}

const ROOT_DEFAULTS = {
  receiver: "",
  groupBy: [] as readonly string[] | undefined,
  groupWaitMs: 30_000,
  groupIntervalMs: 300_000,
  repeatIntervalMs: 14_400_000,
  escalation: undefined as EscalationConfig | undefined,
  namesAlerts: false,
};

/** Builds the tree from the config. Mute and active time intervals are not inherited, as in Alertmanager. */
export function buildRouteTree(config: RouteConfig): Route {
  return build(config, ROOT_DEFAULTS, undefined, "0");
}

type Inherited = typeof ROOT_DEFAULTS;

function build(
  config: RouteConfig,
  parent: Inherited,
  parentKey: string | undefined,
  position: string,
): Route {
  const matchers = routeMatchers(config);
  const text = formatMatchers(
    matchersInKey(config).sort((a, b) => compare(a.name, b.name) || compare(a.value, b.value)),
  );
  const key = parentKey === undefined ? text : `${parentKey}/${text}`;
  const own: Inherited = {
    receiver: config.receiver ?? parent.receiver,
    // An empty list says nothing, as in Alertmanager.
    groupBy: config.group_by?.length
      ? config.group_by.includes("...")
        ? undefined
        : config.group_by
      : parent.groupBy,
    groupWaitMs: config.group_wait ?? parent.groupWaitMs,
    groupIntervalMs: config.group_interval ?? parent.groupIntervalMs,
    repeatIntervalMs: config.repeat_interval ?? parent.repeatIntervalMs,
    escalation: config.escalation ?? parent.escalation,
    namesAlerts: parent.namesAlerts || matchers.some(namesAlerts),
  };
  return {
    ...own,
    key,
    position,
    matchers,
    muteTimeIntervals: config.mute_time_intervals ?? [],
    activeTimeIntervals: config.active_time_intervals ?? [],
    continues: config.continue,
    children: config.routes.map((child, index) => build(child, own, key, `${position}.${index}`)),
  };
}

/** Alertmanager writes the older regexes into its keys with the anchors that it adds; receivers know groups by these keys. */
function matchersInKey(config: RouteConfig): Pick<Matcher, "name" | "operator" | "value">[] {
  const older = (config.match_re ?? []).map(({ name, operator, value }) => ({
    name,
    operator,
    value: `^(?:${value})$`,
  }));
  return [...(config.match ?? []), ...older, ...(config.matchers ?? [])];
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Alerts about the alerting itself. */
const OWN_ALERTS: ReadonlySet<string> = new Set([WATCHDOG, SILENCE_ENDING]);

/** A matcher that takes every name, or all but some, was not written for one alert. */
function namesAlerts(matcher: Matcher): boolean {
  return matcher.name === "alertname" && !matcher.matches({ alertname: "\u0001" });
}

/**
 * The routes that an alert takes: the deepest matches, depth first. A match ends the search among its siblings
 * unless it says `continue`; a node none of whose children match takes the alert itself.
 *
 * Alerts of Tocsin about itself take only routes that name them: a catch-all must not page because all is well.
 */
export function matchRoutes(route: Route, labels: Labels): Route[] {
  const found = deepestMatches(route, labels);
  return OWN_ALERTS.has(labels.alertname ?? "") ? found.filter((each) => each.namesAlerts) : found;
}

function deepestMatches(route: Route, labels: Labels): Route[] {
  if (!matchesAll(route.matchers, labels)) return [];
  const found: Route[] = [];
  for (const child of route.children) {
    const matched = deepestMatches(child, labels);
    found.push(...matched);
    if (matched.length > 0 && !child.continues) break;
  }
  return found.length > 0 ? found : [route];
}

/** Every route of the tree, parents first. */
export function allRoutes(route: Route): Route[] {
  return [route, ...route.children.flatMap(allRoutes)];
}

/** The labels by which a route groups an alert. */
export function groupLabels(route: Route, labels: Labels): Labels {
  if (!route.groupBy) return labels;
  const group: Record<string, string> = {};
  for (const name of route.groupBy) {
    const value = labels[name];
    if (value !== undefined) group[name] = value;
  }
  return group;
}

/** Alertmanager's group key: `{}/{severity="page"}:{alertname="X", service="cart"}`. */
export function groupKey(route: Route, labels: Labels): string {
  const pairs = Object.keys(labels)
    .sort()
    .map((name) => `${name}=${JSON.stringify(labels[name])}`);
  return `${route.key}:{${pairs.join(", ")}}`;
}
