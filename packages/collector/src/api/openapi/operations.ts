import { z } from "zod";
import * as shapes from "./shapes.js";

/** One operation of Tocsin's own API. */
export interface Operation {
  readonly method: "get" | "post";
  /** Below `/api/v1`, with parameters in braces. */
  readonly path: string;
  readonly summary: string;
  /** Query parameters and what they mean. */
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: z.ZodType;
  readonly answer: z.ZodType;
  /** Default 200. */
  readonly status?: number;
  /** Default `application/json`. */
  readonly type?: string;
}

const Anything = z.looseObject({});
const Person = z.strictObject({
  by: z.string().optional().describe("Who decides; not needed with a token that names its holder."),
  reason: z.string().optional(),
});
const TIME = {
  start: "first instant, ISO 8601 or Unix seconds",
  end: "last instant",
  since: "instead of start: how far back, such as 1h",
};
const PAGE = { limit: "how many", cursor: "nextCursor of the page before" };

const SPAN_FILTER = {
  service: "name of a service",
  operation: "name of a span",
  route: "http.route of a span",
  status: "ok, error or unset",
  kind: "server, client, producer, consumer, internal or unspecified",
  min_duration: "such as 300ms",
  max_duration: "such as 2s",
  attribute: "key=value, or a key alone; may be repeated",
};

const LOG_FILTER = {
  q: 'words of the body, "a phrase"; upper and lower case are the same',
  severity: "at least: trace, debug, info, warn, error, fatal, or a number from 1 to 24",
  service: "name of a service",
  trace_id: "lines of one trace",
  span_id: "lines of one span",
  attribute: "key=value, or a key alone; may be repeated",
};

export const OPERATIONS: readonly Operation[] = [
  { method: "get", path: "/status", summary: "What the collector says of itself", answer: shapes.Status },
  { method: "get", path: "/openapi.json", summary: "This description", answer: Anything },
  { method: "post", path: "/reload", summary: "Read the configuration again", answer: Anything },
  {
    method: "get",
    path: "/services",
    summary: "The four signals of every service",
    answer: z.array(shapes.Service),
  },
  {
    method: "get",
    path: "/services/{name}",
    summary: "One service with routes, dependencies and deployments",
    query: { environment: "where it runs in several" },
    answer: shapes.ServiceDetail,
  },
  { method: "get", path: "/service-graph", summary: "Calls between services", answer: Anything },
  {
    method: "get",
    path: "/deployments",
    summary: "Deployments with figures before and after, newest first",
    query: { service: "of one service" },
    answer: z.array(shapes.Deployment),
  },
  {
    method: "post",
    path: "/deployments",
    summary: "Report a deployment",
    body: z.strictObject({
      service: z.string(),
      version: z.string(),
      environment: z.string().optional(),
      at: z.iso.datetime({ offset: true }).optional(),
    }),
    answer: Anything,
    status: 201,
  },
  {
    method: "get",
    path: "/slos",
    summary: "Every SLO with budget and burn rates",
    answer: z.array(shapes.Slo),
  },
  {
    method: "get",
    path: "/slos/{name}",
    summary: "One SLO with what spent its budget, its burn-down, months and corrections",
    query: { "{label}": "chooses a group of an SLO with `by`" },
    answer: shapes.SloDetail,
  },
  {
    method: "get",
    path: "/slos/{name}/simulate",
    summary: "Its own counts replayed under another objective or window",
    query: { objective: "such as 99.5%", window: "such as 7d", since: "how far back" },
    answer: Anything,
  },
  {
    method: "post",
    path: "/slos/{name}/corrections",
    summary: "Take the events of a stretch of time out of an SLO",
    body: z.strictObject({
      from: z.iso.datetime({ offset: true }),
      to: z.iso.datetime({ offset: true }),
      reason: z.string(),
    }),
    answer: Anything,
    status: 201,
  },
  {
    method: "get",
    path: "/traces",
    summary: "Find traces, newest first",
    query: { ...SPAN_FILTER, ...TIME, ...PAGE },
    answer: shapes.TracePage,
  },
  {
    method: "get",
    path: "/traces/summary",
    summary: "Count, errors and latency of stored spans, by what they have in common",
    query: {
      by: "service (default), operation, route, version, status, kind or the name of any attribute",
      ...SPAN_FILTER,
      ...TIME,
      limit: "how many groups",
    },
    answer: shapes.SpanGroups,
  },
  { method: "get", path: "/traces/{id}", summary: "One trace, whole", answer: shapes.Trace },
  {
    method: "get",
    path: "/logs",
    summary: "Find log lines, newest first",
    query: { ...LOG_FILTER, ...TIME, ...PAGE },
    answer: shapes.LogPage,
  },
  {
    method: "get",
    path: "/logs/tail",
    summary: "Follow log lines; what a slow reader missed is counted and told",
    query: LOG_FILTER,
    answer: z.string(),
    type: "text/event-stream",
  },
  {
    method: "get",
    path: "/alerts",
    summary: "Firing, pending and recent alerts",
    answer: z.array(shapes.Alert),
  },
  {
    method: "get",
    path: "/alerts/route",
    summary: "Where alerts with these labels would be sent",
    query: { "{label}": "a label and its value" },
    answer: z.unknown(),
  },
  { method: "get", path: "/alerts/{id}", summary: "One alert", answer: shapes.Alert },
  {
    method: "get",
    path: "/alerts/{id}/explain",
    summary: "Why it fired: the evidence stored at that moment, notices, actions",
    answer: Anything,
  },
  {
    method: "post",
    path: "/alerts/{id}/acknowledge",
    summary: "Name an owner and stop the repeats",
    body: z.strictObject({ by: z.string().optional(), comment: z.string().optional() }),
    answer: Anything,
  },
  {
    method: "get",
    path: "/silences",
    summary: "Silences with what each mutes now",
    query: { state: "only active, pending or expired" },
    answer: z.array(shapes.Silence),
  },
  {
    method: "post",
    path: "/silences",
    summary: "Mute what matches until an end, always or at times that recur",
    body: shapes.NewSilence,
    answer: shapes.Silence,
  },
  {
    method: "post",
    path: "/silences/preview",
    summary: "What matchers would mute, and silences that are much the same",
    body: z.strictObject({ matchers: z.array(z.union([z.string(), Anything])) }),
    answer: shapes.SilencePreview,
  },
  {
    method: "post",
    path: "/silences/{id}/extend",
    summary: "Give a silence another end",
    body: shapes.SilenceExtension,
    answer: shapes.Silence,
  },
  { method: "post", path: "/silences/{id}/end", summary: "End a silence now", answer: shapes.Silence },
  {
    method: "get",
    path: "/notifications",
    summary: "What is waiting, sent or given up",
    query: { status: "only these" },
    answer: z.unknown(),
  },
  {
    method: "post",
    path: "/notifications/{id}/replay",
    summary: "Send a given-up one again",
    answer: z.unknown(),
  },
  {
    method: "get",
    path: "/actions",
    summary: "What was done or waits, newest first",
    query: { state: "", action: "", limit: "" },
    answer: z.array(shapes.Action),
  },
  {
    method: "get",
    path: "/actions/catalogue",
    summary: "Configured actions with limits left",
    answer: Anything,
  },
  { method: "get", path: "/actions/{id}", summary: "One run", answer: shapes.Action },
  { method: "get", path: "/actions/named/{name}/plan", summary: "What it would do now", answer: Anything },
  {
    method: "post",
    path: "/actions/named/{name}/run",
    summary: "Ask for a run",
    body: Person,
    answer: Anything,
  },
  { method: "post", path: "/actions/{id}/approve", summary: "Say yes", body: Person, answer: Anything },
  { method: "post", path: "/actions/{id}/decline", summary: "Say no", body: Person, answer: Anything },
  {
    method: "post",
    path: "/actions/stop",
    summary: "Stop all actions, or let them go on",
    body: Person.extend({ stopped: z.boolean() }),
    answer: Anything,
  },
];
