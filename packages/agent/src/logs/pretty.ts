/** One JSON line of pino for a person: time, level, message, and the other fields as `key=value`. */
export function prettyLine(line: string): string {
  let fields: Record<string, unknown>;
  try {
    fields = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return line;
  }
  const {
    level,
    time,
    msg,
    err,
    pid: _pid,
    hostname: _host,
    trace_id,
    span_id: _span,
    trace_flags: _flags,
    ...rest
  } = fields;
  const clock = new Date(typeof time === "number" ? time : 0).toISOString().slice(11, 23);
  const pairs = Object.entries(rest).map(
    ([key, value]) => `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  const trace = typeof trace_id === "string" ? [`trace=${trace_id.slice(0, 8)}`] : [];
  const stack = (err as { stack?: unknown } | undefined)?.stack;
  const head = [clock, LEVELS[Number(level)] ?? String(level), msg, ...pairs, ...trace].filter(
    (part) => part !== undefined,
  );
  return `${head.join(" ")}\n${typeof stack === "string" ? `${stack}\n` : ""}`;
}

const LEVELS: Readonly<Record<number, string>> = {
  10: "TRACE",
  20: "DEBUG",
  30: "INFO ",
  40: "WARN ",
  50: "ERROR",
  60: "FATAL",
};
