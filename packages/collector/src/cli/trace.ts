import type { StoredSpan, StoredTrace } from "../store/traces/trace.js";
import { CLIENT_FLAGS, CLIENT_HELP, CollectorAnswerError, collectorClient } from "./client.js";
import { type Command, ExitCode, UsageError } from "./command.js";
import { parseFlags } from "./flags.js";
import { nanosText, timeText } from "./search-filter.js";

export const trace: Command = {
  name: "trace",
  help: `tocsin trace ID [flags]

  The spans of a trace as a tree: when each began after the first, how long it took, and what failed.
${CLIENT_HELP}`,
  async run(args, io) {
    const { flags, positionals } = parseFlags(CLIENT_FLAGS, args);
    const [id, ...rest] = positionals;
    if (id === undefined || rest.length > 0) throw new UsageError("Give one trace id: tocsin trace ID.");
    const client = collectorClient(flags, io);
    try {
      const found = await client.json<StoredTrace>(`/api/v1/traces/${encodeURIComponent(id)}`);
      io.out(flags.json ? `${JSON.stringify(found)}\n` : traceTree(found, Date.now()));
      return ExitCode.good;
    } catch (error) {
      if (!(error instanceof CollectorAnswerError) || error.status !== 404) throw error;
      io.err(`${(JSON.parse(error.body) as { error: string }).error}\n`);
      return ExitCode.findings;
    }
  },
};

/** A trace in plain lines; spans whose parent has not come stand at the top. */
export function traceTree(trace: StoredTrace, nowMs: number): string {
  const [first] = trace.spans;
  if (first === undefined) return "";
  const ids = new Set(trace.spans.map((span) => span.spanId));
  const children = new Map<string, StoredSpan[]>();
  for (const span of trace.spans) {
    const parent = ids.has(span.parentSpanId) && span.parentSpanId !== span.spanId ? span.parentSpanId : "";
    children.set(parent, [...(children.get(parent) ?? []), span]);
  }
  const lines = [`trace ${trace.traceId}, began ${timeText(first.startTimeUnixNano, nowMs)}`];
  const visit = (parent: string, indent: string): void => {
    const spans = children.get(parent) ?? [];
    // A span that names itself as an ancestor must not be drawn twice.
    children.delete(parent);
    spans.forEach((span, at) => {
      const isLast = at === spans.length - 1;
      lines.push(`${indent}${isLast ? "└ " : "├ "}${spanText(span, first)}`);
      visit(span.spanId, `${indent}${isLast ? "  " : "│ "}`);
    });
  };
  visit("", "");
  for (const [, spans] of children) for (const span of spans) lines.push(`? ${spanText(span, first)}`);
  if (trace.isTruncated) lines.push("… the trace has more spans than are shown");
  return `${lines.join("\n")}\n`;
}

function spanText(span: StoredSpan, first: StoredSpan): string {
  const offset = Number(BigInt(span.startTimeUnixNano) - BigInt(first.startTimeUnixNano));
  const failure = span.status.code === "error" ? `  ERROR ${span.status.message}`.trimEnd() : "";
  return `${span.service}  ${span.name}  ${nanosText(span.durationNanos)}  +${nanosText(offset)}${failure}`;
}
