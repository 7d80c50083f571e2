/** Severity of a pino level: number and text of OpenTelemetry's log data model. */
export function severityOf(level: number): { number: number; text: string } {
  if (level < 20) return { number: 1, text: "trace" };
  if (level < 30) return { number: 5, text: "debug" };
  if (level < 40) return { number: 9, text: "info" };
  if (level < 50) return { number: 13, text: "warn" };
  if (level < 60) return { number: 17, text: "error" };
  return { number: 21, text: "fatal" };
}
