import { formatDuration } from "@tocsin/model";
import { stringify } from "yaml";
import { formatMatcher } from "../route/matcher.js";
import type { AlertingConfig } from "./alerting-config.js";
import { type RouteConfig, routeMatchers } from "./route.js";

/**
 * The configuration as Alertmanager's tools read it: routes, names of receivers, inhibition. What receivers hold is
 * left out, secrets above all, and so is what only Tocsin knows.
 */
export function printAlertmanagerConfig(config: AlertingConfig): string {
  return stringify({
    global: { resolve_timeout: formatDuration(config.global.resolve_timeout) },
    route: routeOf(config.route),
    receivers: config.receivers.map(({ name }) => ({ name })),
    ...(config.inhibit_rules.length === 0
      ? {}
      : {
          inhibit_rules: config.inhibit_rules.map(({ source, target, equal }) => ({
            source_matchers: source.map(formatMatcher),
            target_matchers: target.map(formatMatcher),
            equal,
          })),
        }),
    ...(config.time_intervals.length === 0
      ? {}
      : { time_intervals: config.time_intervals.map(({ name }) => ({ name, time_intervals: [] })) }),
  });
}

function routeOf(route: RouteConfig): Record<string, unknown> {
  const matchers = routeMatchers(route).map(formatMatcher);
  const time = (name: string, value: number | undefined) =>
    value === undefined ? {} : { [name]: formatDuration(value) };
  return {
    ...(route.receiver === undefined ? {} : { receiver: route.receiver }),
    ...(route.group_by ? { group_by: route.group_by } : {}),
    ...(matchers.length === 0 ? {} : { matchers }),
    ...(route.continue ? { continue: true } : {}),
    ...time("group_wait", route.group_wait),
    ...time("group_interval", route.group_interval),
    ...time("repeat_interval", route.repeat_interval),
    ...(route.mute_time_intervals?.length ? { mute_time_intervals: route.mute_time_intervals } : {}),
    ...(route.active_time_intervals?.length ? { active_time_intervals: route.active_time_intervals } : {}),
    ...(route.routes.length === 0 ? {} : { routes: route.routes.map(routeOf) }),
  };
}
