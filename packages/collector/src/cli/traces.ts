import { nearestName } from "@tocsin/model";
import type { SpanGroups } from "../store/traces/latency-reader.js";
import type { TraceSummary } from "../store/traces/trace.js";
import { CLIENT_FLAGS, CLIENT_HELP, type CollectorClient, collectorClient } from "./client.js";
import { type Command, ExitCode, UsageError } from "./command.js";
import { percent, table } from "./figures.js";
import { parseFlags } from "./flags.js";
import { filterParameters, nanosText, timeText } from "./search-filter.js";

const FLAGS = {
  ...CLIENT_FLAGS,
  since: { type: "string" },
  limit: { type: "string" },
  cursor: { type: "string" },
  by: { type: "string" },
} as const;

const KNOWN = [
  "service",
  "operation",
  "route",
  "status",
  "kind",
  "min_duration",
  "max_duration",
  "start",
  "end",
];

export const traces: Command = {
  name: "traces",
  help: `tocsin traces [FILTER…] [flags]

  A filter is words such as  service=checkout  status=error  duration>300ms  operation="POST /pay"  route=/pay
  and any attribute, such as  http.response.status_code=500.  Newest first.

  --since DURATION     how far back (default 1h)
  --limit N            how many (default 20)
  --cursor TEXT        where to go on, as the last line says
  --by WHAT            instead of traces: count, errors and latency of their spans by service, operation, route, version,
                       status, kind or any attribute
${CLIENT_HELP}`,
  async run(args, io) {
    const { flags, positionals } = parseFlags(FLAGS, args);
    const query = filterParameters(positionals, KNOWN, undefined);
    for (const name of ["since", "limit", "cursor"] as const) {
      const value = flags[name];
      if (value !== undefined) query.set(name, value);
    }
    const client = collectorClient(flags, io);
    if (flags.by !== undefined) {
      if (flags.cursor !== undefined)
        throw new UsageError("--by has no pages. Leave out --cursor, and take a larger --limit.");
      query.set("by", flags.by);
      const found = await client.json<SpanGroups & { by: string }>(`/api/v1/traces/summary?${query}`);
      io.out(flags.json ? `${JSON.stringify(found)}\n` : groupsText(found));
      if (found.groups.length === 0) io.err(await nothingText(client, query));
      if (found.isTruncated) io.err("There are more groups; the largest are shown. More: --limit 1000.\n");
      return ExitCode.good;
    }
    const answer = await client.json<{ traces: TraceSummary[]; nextCursor: string | null }>(
      `/api/v1/traces?${query}`,
    );
    if (flags.json) {
      io.out(`${JSON.stringify(answer)}\n`);
      return ExitCode.good;
    }
    for (const trace of answer.traces) io.out(traceLine(trace, Date.now()));
    if (answer.traces.length === 0) io.err(await nothingText(client, query));
    if (answer.nextCursor !== null) io.err(`More: --cursor ${answer.nextCursor}\n`);
    return ExitCode.good;
  },
};

function groupsText({ by, groups }: SpanGroups & { readonly by: string }): string {
  return table(
    [by, "spans", "errors", "p50", "p95", "p99", "max"],
    groups.map(({ key, spanCount, errorCount, latencySeconds: { p50, p95, p99, max } }) => [
      key || "(none)",
      String(spanCount),
      percent(errorCount / spanCount),
      ...[p50, p95, p99, max].map((seconds) => nanosText(Math.round(seconds * 1e9))),
    ]),
  );
}

/** Why nothing was found, as far as the store can tell, and what to try. */
async function nothingText(client: CollectorClient, query: URLSearchParams): Promise<string> {
  const wider = new URLSearchParams();
  for (const name of ["since", "start", "end"]) {
    const value = query.get(name);
    if (value !== null) wider.set(name, value);
  }
  const { groups } = await client.json<SpanGroups>(`/api/v1/traces/summary?by=service&${wider}`);
  if (groups.length === 0) {
    return "No span is stored for this time. A longer time: --since 1d. Whether services send at all: tocsin doctor.\n";
  }
  const names = groups.map(({ key }) => key);
  const service = query.get("service");
  if (service !== null && !names.includes(service)) {
    const nearest = nearestName(service, names);
    return `No span of the service "${service}" is stored for this time. ${nearest === undefined ? `There are ${names.slice(0, 10).join(", ")}.` : `Did you mean ${nearest}?`}\n`;
  }
  const spans = groups.reduce((sum, { spanCount }) => sum + spanCount, 0);
  return `None of the ${spans} spans of this time fulfils the filter. Leave a part of it out, or take a longer time: --since 1d.\n`;
}

function traceLine(trace: TraceSummary, nowMs: number): string {
  const errors =
    trace.errorCount > 0 ? `  ${trace.errorCount} ${trace.errorCount === 1 ? "error" : "errors"}` : "";
  const spans = `${trace.spanCount} ${trace.spanCount === 1 ? "span" : "spans"}`;
  return (
    `${timeText(trace.startTimeUnixNano, nowMs)}  ${trace.traceId}  ${nanosText(trace.durationNanos).padStart(8)}  ` +
    `${trace.rootService} ${trace.rootName}  ${spans}${errors}  ${trace.services.join(", ")}\n`
  );
}
