import { duration } from "@tocsin/model/config";
import { z } from "zod";
import type { InhibitRule as Rule } from "../dispatch/inhibitor.js";
import { NamedTimeInterval } from "../route/time-interval.js";
import { WATCHDOG } from "../rule/watchdog.js";
import { SILENCE_ENDING } from "../silence/ending-source.js";
import { secretFile, secretUrl } from "./fields.js";
import { GlobalConfig } from "./global.js";
import { InhibitRule } from "./inhibit-rule.js";
import { ReceiverConfig, resolveReceiver } from "./receiver.js";
import { RouteConfig } from "./route.js";

/** Tocsin's own: a URL that is called as long as everything works, so that silence is heard. */
export const HeartbeatConfig = z
  .strictObject({
    url: secretUrl().optional(),
    url_file: secretFile(),
    interval: duration().default(60_000).describe("Time between two calls."),
    method: z.enum(["GET", "POST", "HEAD"]).default("POST"),
  })
  .refine((config) => (config.url === undefined) !== (config.url_file === undefined), {
    message: "exactly one of url & url_file must be configured.",
  });
export type HeartbeatConfig = z.output<typeof HeartbeatConfig>;

/** The `alerting` section: Alertmanager's configuration, and what Tocsin adds to it. Durations in ms. */
export interface AlertingConfig {
  readonly config_file: string | undefined;
  readonly global: GlobalConfig;
  readonly templates: readonly string[];
  readonly route: RouteConfig;
  readonly receivers: readonly ReceiverConfig[];
  readonly inhibit_rules: readonly Rule[];
  readonly time_intervals: readonly NamedTimeInterval[];
  readonly allow_private_targets: boolean | readonly string[];
  readonly fallback_receiver: string | undefined;
  readonly expire_after: number;
  readonly heartbeat: HeartbeatConfig | undefined;
  readonly watchdog: boolean;
  readonly group_incidents: boolean;
  readonly warn_before_silence_ends: number;
}

/** What is used when nothing is configured: alerts are written to the log, grouped by what they are about. */
const DEFAULT_ROUTE = {
  receiver: "log",
  group_by: ["alertname", "service"],
  group_wait: "0",
  group_interval: "30s",
};

export const AlertingConfig: z.ZodType<AlertingConfig, unknown> = z
  .strictObject({
    config_file: z
      .string()
      .optional()
      .describe("An Alertmanager configuration file to take instead of what stands here."),
    global: GlobalConfig.prefault({}),
    templates: z
      .array(z.string())
      .default([])
      .describe("Files with template definitions; * stands for any name."),
    route: RouteConfig.optional(),
    receivers: z.array(ReceiverConfig).optional(),
    inhibit_rules: z.array(InhibitRule).default([]),
    time_intervals: z.array(NamedTimeInterval).default([]),
    mute_time_intervals: z.array(NamedTimeInterval).default([]).describe("Older place of time_intervals."),
    tracing: z.unknown().optional().describe("Alertmanager's own tracing; accepted and not used."),
    allow_private_targets: z
      .union([z.boolean(), z.array(z.string())])
      .default(false)
      .describe("Private addresses that notifications may be sent to: all (true), or a list of CIDR ranges."),
    fallback_receiver: z
      .string()
      .optional()
      .describe("Receiver that is told when a notification could not be delivered for good."),
    expire_after: duration()
      .default(4 * 3_600_000)
      .describe("A notification that cannot be delivered for so long is given up and listed as dead."),
    group_incidents: z
      .boolean()
      .default(true)
      .describe(
        "Tell a ticket of an SLO in the group of the SLO's page where both go to the same receiver, so that one incident is one thread. false: group_by alone decides.",
      ),
    heartbeat: HeartbeatConfig.optional(),
    warn_before_silence_ends: duration()
      .default(15 * 60_000)
      .describe(
        `How long before a silence ends an alert ${SILENCE_ENDING} fires if what it mutes does; told only where a route names it. 0: never.`,
      ),
    watchdog: z
      .boolean()
      .default(false)
      .describe(
        `An alert ${WATCHDOG} that fires as long as all rules are evaluated. It is told only where a route names it in a matcher of alertname.`,
      ),
  })
  .transform((written, context): AlertingConfig => {
    const report = (path: (string | number)[], message: string): void =>
      context.addIssue({ code: "custom", message, path, input: written });
    const { mute_time_intervals: older, tracing: _, route, receivers, ...rest } = written;
    const config: AlertingConfig = {
      ...rest,
      config_file: written.config_file,
      fallback_receiver: written.fallback_receiver,
      heartbeat: written.heartbeat,
      time_intervals: [...written.time_intervals, ...older],
      route: route ?? RouteConfig.parse(DEFAULT_ROUTE),
      receivers: (receivers ?? (route ? [] : [ReceiverConfig.parse({ name: "log", log_configs: [{}] })])).map(
        (receiver, index) =>
          resolveReceiver(receiver, written.global, (path, message) =>
            report(["receivers", index, ...path], message),
          ),
      ),
    };
    if (receivers && !route && !written.config_file)
      report(["receivers"], "there are receivers but no route that leads to them.");
    checkNames(config, report);
    return config;
  });

type Report = (path: (string | number)[], message: string) => void;

function checkNames(config: AlertingConfig, report: Report): void {
  const receivers = new Set<string>();
  for (const [index, { name }] of config.receivers.entries()) {
    if (receivers.has(name)) report(["receivers", index, "name"], `the receiver "${name}" is defined twice.`);
    receivers.add(name);
  }
  const intervals = new Set<string>();
  for (const [index, { name }] of config.time_intervals.entries()) {
    if (intervals.has(name))
      report(["time_intervals", index, "name"], `the time interval "${name}" is defined twice.`);
    intervals.add(name);
  }
  checkRoot(config.route, report);
  checkRoute(config.route, ["route"], receivers, intervals, report);
  const fallback = config.fallback_receiver;
  if (fallback !== undefined && !receivers.has(fallback))
    report(["fallback_receiver"], `there is no receiver "${fallback}".${known(receivers)}`);
}

function checkRoot(route: RouteConfig, report: Report): void {
  if (!route.receiver) report(["route"], "the root route must name a receiver.");
  const hasMatchers = [route.match, route.match_re, route.matchers].some((matchers) => matchers?.length);
  if (hasMatchers) report(["route"], "the root route takes every alert and must not have matchers.");
  if (route.mute_time_intervals?.length)
    report(["route", "mute_time_intervals"], "the root route cannot be muted.");
  if (route.active_time_intervals?.length)
    report(["route", "active_time_intervals"], "the root route is always active.");
  if (route.continue) report(["route", "continue"], "the root route has no siblings to continue with.");
}

function checkRoute(
  route: RouteConfig,
  path: (string | number)[],
  receivers: ReadonlySet<string>,
  intervals: ReadonlySet<string>,
  report: Report,
): void {
  if (route.receiver && !receivers.has(route.receiver))
    report([...path, "receiver"], `there is no receiver "${route.receiver}".${known(receivers)}`);
  const escalated = route.escalation?.receiver;
  if (escalated !== undefined && !receivers.has(escalated))
    report([...path, "escalation", "receiver"], `there is no receiver "${escalated}".${known(receivers)}`);
  for (const key of ["mute_time_intervals", "active_time_intervals"] as const) {
    for (const [index, name] of (route[key] ?? []).entries()) {
      if (!intervals.has(name))
        report([...path, key, index], `there is no time interval "${name}".${known(intervals)}`);
    }
  }
  for (const [index, child] of route.routes.entries()) {
    checkRoute(child, [...path, "routes", index], receivers, intervals, report);
  }
}

function known(names: ReadonlySet<string>): string {
  return names.size === 0 ? "" : ` There are: ${[...names].join(", ")}.`;
}
