import type { TraceSummary } from "../store/traces/trace.js";
import { CLIENT_FLAGS, CLIENT_HELP, collectorClient } from "./client.js";
import { type Command, ExitCode } from "./command.js";
import { parseFlags } from "./flags.js";
import { filterParameters, nanosText, timeText } from "./search-filter.js";

const FLAGS = {
  ...CLIENT_FLAGS,
  since: { type: "string" },
  limit: { type: "string" },
  cursor: { type: "string" },
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
  summary: "find traces",
  help: `tocsin traces [FILTER…] [flags]

  A filter is words such as  service=checkout  status=error  duration>300ms  operation="POST /pay"  route=/pay
  and any attribute, such as  http.response.status_code=500.  Newest first.

  --since DURATION     how far back (default 1h)
  --limit N            how many (default 20)
  --cursor TEXT        where to go on, as the last line says
${CLIENT_HELP}`,
  async run(args, io) {
    const { flags, positionals } = parseFlags(FLAGS, args);
    const query = filterParameters(positionals, KNOWN, undefined);
    for (const name of ["since", "limit", "cursor"] as const) {
      const value = flags[name];
      if (value !== undefined) query.set(name, value);
    }
    const client = collectorClient(flags, io);
    const answer = await client.json<{ traces: TraceSummary[]; nextCursor: string | null }>(
      `/api/v1/traces?${query}`,
    );
    if (flags.json) {
      io.out(`${JSON.stringify(answer)}\n`);
      return ExitCode.good;
    }
    for (const trace of answer.traces) io.out(traceLine(trace, Date.now()));
    if (answer.traces.length === 0) io.err("No trace matches. A longer time: --since 1d.\n");
    if (answer.nextCursor !== null) io.err(`More: --cursor ${answer.nextCursor}\n`);
    return ExitCode.good;
  },
};

function traceLine(trace: TraceSummary, nowMs: number): string {
  const errors =
    trace.errorCount > 0 ? `  ${trace.errorCount} ${trace.errorCount === 1 ? "error" : "errors"}` : "";
  const spans = `${trace.spanCount} ${trace.spanCount === 1 ? "span" : "spans"}`;
  return (
    `${timeText(trace.startTimeUnixNano, nowMs)}  ${trace.traceId}  ${nanosText(trace.durationNanos).padStart(8)}  ` +
    `${trace.rootService} ${trace.rootName}  ${spans}${errors}  ${trace.services.join(", ")}\n`
  );
}
