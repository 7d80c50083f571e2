import type { StoredLog } from "../store/logs/log.js";
import { CLIENT_FLAGS, CLIENT_HELP, type CollectorClient, collectorClient } from "./client.js";
import { type Command, ExitCode } from "./command.js";
import { parseFlags } from "./flags.js";
import { filterParameters, timeText } from "./search-filter.js";

/** Parameters of the log API that a filter may name. */
export const LOG_FILTER_KEYS = ["service", "severity", "trace_id", "span_id", "start", "end"];

export const LOG_FILTER_HELP = `  A filter is words of the line, "a phrase", and  service=checkout  severity=warn  trace_id=…  or any attribute,
  such as  order.id=o-7.`;

const FLAGS = {
  ...CLIENT_FLAGS,
  since: { type: "string" },
  limit: { type: "string" },
  cursor: { type: "string" },
} as const;

export const logs: Command = {
  name: "logs",
  help: `tocsin logs [FILTER…] [flags]

${LOG_FILTER_HELP}
  The newest lines, oldest of them first.

  --since DURATION     how far back (default 1h)
  --limit N            how many (default 100)
  --cursor TEXT        lines before these, as the last line says
${CLIENT_HELP}`,
  async run(args, io) {
    const { flags, positionals } = parseFlags(FLAGS, args);
    const query = filterParameters(positionals, LOG_FILTER_KEYS, "q");
    for (const name of ["since", "limit", "cursor"] as const) {
      const value = flags[name];
      if (value !== undefined) query.set(name, value);
    }
    const client = collectorClient(flags, io);
    const answer = await client.json<{ logs: StoredLog[]; nextCursor: string | null }>(
      `/api/v1/logs?${query}`,
    );
    if (flags.json) {
      io.out(`${JSON.stringify(answer)}\n`);
      return ExitCode.good;
    }
    for (const log of answer.logs.toReversed()) io.out(logLine(log, Date.now()));
    if (answer.logs.length === 0) io.err(await nothingText(client, query));
    if (answer.nextCursor !== null) io.err(`Earlier lines: --cursor ${answer.nextCursor}\n`);
    return ExitCode.good;
  },
};

/** Why nothing was found, as far as the store can tell, and what to try. */
async function nothingText(client: CollectorClient, query: URLSearchParams): Promise<string> {
  const wider = new URLSearchParams({ limit: "1" });
  for (const name of ["since", "start", "end"]) {
    const value = query.get(name);
    if (value !== null) wider.set(name, value);
  }
  const { logs: any } = await client.json<{ logs: readonly StoredLog[] }>(`/api/v1/logs?${wider}`);
  return any.length === 0
    ? "No line is stored for this time. A longer time: --since 1d. Whether services send at all: tocsin doctor.\n"
    : "There are lines of this time, and none fulfils the filter. Leave a part of it out, or take a longer time: --since 1d.\n";
}

/** One record on one line; what does not fit there is in --json. */
export function logLine(log: StoredLog, nowMs: number): string {
  const attributes = Object.entries(log.attributes).map(([key, value]) => ` ${key}=${quoted(value)}`);
  const trace = log.traceId === "" ? "" : ` trace_id=${log.traceId}`;
  const body = log.body.replace(/\r?\n/g, "\n    ");
  return `${timeText(log.timeUnixNano, nowMs)} ${severityName(log).padEnd(5)} ${log.service}  ${body}${attributes.join("")}${trace}\n`;
}

function severityName(log: StoredLog): string {
  const names = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
  return names[Math.floor((log.severityNumber - 1) / 4)] ?? (log.severityText || "-");
}

function quoted(value: string): string {
  return /^[^\s"]+$/.test(value) ? value : JSON.stringify(value);
}
