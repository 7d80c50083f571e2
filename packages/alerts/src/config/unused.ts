import type { ConfigDocument, Path, Problem } from "@tocsin/model/config";
import { formatMatchers, type Matcher } from "../route/matcher.js";
import type { AlertingConfig } from "./alerting-config.js";
import { type RouteConfig, routeMatchers } from "./route.js";

/** Routes that no alert can reach, receivers and time intervals that nothing uses. */
export function alertingWarnings(config: AlertingConfig, document: ConfigDocument, base: Path): Problem[] {
  const problems: Problem[] = [];
  const usedReceivers = new Set<string>(
    config.fallback_receiver === undefined ? [] : [config.fallback_receiver],
  );
  const usedIntervals = new Set<string>();
  walk(config.route, [...base, "route"], [], (route, path, above) => {
    if (route.receiver) usedReceivers.add(route.receiver);
    if (route.escalation) usedReceivers.add(route.escalation.receiver);
    for (const name of [...(route.mute_time_intervals ?? []), ...(route.active_time_intervals ?? [])])
      usedIntervals.add(name);
    for (const [index, child] of route.routes.entries()) {
      const contradiction = contradictionOf([...above, ...routeMatchers(child)]);
      if (contradiction && !contradictionOf(above)) {
        const [one, other] = contradiction;
        problems.push(
          document.problemAt([...path, "routes", index], {
            code: "alerting/unreachable-route",
            severity: "warning",
            message: `no alert reaches this route: on the way to it ${textOf(one)} and ${textOf(other)} are both asked for.`,
          }),
        );
        continue;
      }
      const earlier = route.routes
        .slice(0, index)
        .findIndex((sibling) => !sibling.continue && covers(sibling, child));
      if (earlier === -1) continue;
      const taker = formatMatchers(routeMatchers(route.routes[earlier] ?? child));
      problems.push(
        document.problemAt([...path, "routes", index], {
          code: "alerting/unreachable-route",
          severity: "warning",
          message: `no alert reaches this route: the route ${taker} before it takes them all.`,
          hint: "Move it up, or set continue: true there.",
        }),
      );
    }
  });
  for (const [index, { name }] of config.receivers.entries()) {
    if (usedReceivers.has(name)) continue;
    problems.push(
      document.problemAt([...base, "receivers", index, "name"], {
        code: "alerting/unused-receiver",
        severity: "warning",
        message: `no route leads to the receiver "${name}".`,
      }),
    );
  }
  for (const [index, { name }] of config.time_intervals.entries()) {
    if (usedIntervals.has(name)) continue;
    problems.push(
      document.problemAt([...base, "time_intervals", index, "name"], {
        code: "alerting/unused-time-interval",
        severity: "warning",
        message: `no route uses the time interval "${name}".`,
      }),
    );
  }
  return problems;
}

type Visit = (route: RouteConfig, path: Path, matchers: readonly Matcher[]) => void;

/** @param above the matchers on the way to the route */
function walk(route: RouteConfig, path: Path, above: readonly Matcher[], visit: Visit): void {
  const matchers = [...above, ...routeMatchers(route)];
  visit(route, path, matchers);
  for (const [index, child] of route.routes.entries())
    walk(child, [...path, "routes", index], matchers, visit);
}

/** Two conditions that no alert fulfils at once. */
function contradictionOf(matchers: readonly Matcher[]): readonly [Matcher, Matcher] | undefined {
  for (const wanted of matchers.filter(({ operator }) => operator === "=")) {
    const other = matchers.find(
      (each) => each.name === wanted.name && !each.matches({ [wanted.name]: wanted.value }),
    );
    if (other) return [wanted, other];
  }
  return undefined;
}

/** Whether every alert that `later` takes is taken by `earlier`: each of its conditions stands in `later` too. */
function covers(earlier: RouteConfig, later: RouteConfig): boolean {
  const written = new Set(routeMatchers(later).map(textOf));
  return routeMatchers(earlier).every(
    (matcher) => written.has(textOf(matcher)) || isImplied(matcher, routeMatchers(later)),
  );
}

function isImplied(matcher: Matcher, others: readonly Matcher[]): boolean {
  return others.some(
    (other) =>
      other.name === matcher.name && other.operator === "=" && matcher.matches({ [other.name]: other.value }),
  );
}

function textOf({ name, operator, value }: Matcher): string {
  return `${name}${operator}${JSON.stringify(value)}`;
}
