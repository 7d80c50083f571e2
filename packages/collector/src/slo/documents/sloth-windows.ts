import { parseDuration } from "@tocsin/model";
import { type ConfigDocument, type Problem, validate } from "@tocsin/model/config";
import { z } from "zod";
import { burnRateLimit, defaultPairs, type Severity, type WindowPair } from "../window-pair.js";

/** The period of Sloth's SLOs, and the window pairs over which they alert. */
export interface SlothWindows {
  readonly periodMs: number;
  readonly pairs: readonly WindowPair[];
}

const DEFAULT_PERIOD_MS = 30 * 86_400_000;

/** Sloth's own: 30 days, with the pairs of the SRE workbook. */
export const DEFAULT_WINDOWS: SlothWindows = {
  periodMs: DEFAULT_PERIOD_MS,
  pairs: defaultPairs(DEFAULT_PERIOD_MS),
};

const length = () =>
  z.string().transform((text, context) => {
    try {
      const lengthMs = parseDuration(text);
      if (lengthMs > 0) return lengthMs;
    } catch {
      // Told below, in the same words as a length of nothing.
    }
    context.addIssue({ code: "custom", message: `"${text}" is not a length of time. Write 5m, 1h or 30d.` });
    return z.NEVER;
  });

const Window = z.strictObject({
  errorBudgetPercent: z.number().gt(0).max(100),
  shortWindow: length(),
  longWindow: length(),
});
const QuickAndSlow = z.strictObject({ quick: Window, slow: Window });

const AlertWindows = z.strictObject({
  apiVersion: z.literal("sloth.slok.dev/v1"),
  kind: z.literal("AlertWindows"),
  metadata: z.unknown().optional(),
  spec: z.strictObject({ sloPeriod: length(), page: QuickAndSlow, ticket: QuickAndSlow }),
});

/** Whether a document holds alert windows of Sloth. */
export function isAlertWindows(value: unknown): boolean {
  return (value as { kind?: unknown } | null)?.kind === "AlertWindows";
}

/** Alert windows as pairs: each limit spends its share of the budget within its long window. */
export function readAlertWindows(document: ConfigDocument): { windows?: SlothWindows; problems: Problem[] } {
  const result = validate(AlertWindows, document);
  if (!result.ok) return { problems: result.problems };
  const { sloPeriod: periodMs, page, ticket } = result.value.spec;
  const pairs = (severity: Severity, { quick, slow }: z.output<typeof QuickAndSlow>) =>
    [quick, slow].map(({ errorBudgetPercent, shortWindow, longWindow }) => ({
      severity,
      shortMs: shortWindow,
      longMs: longWindow,
      burnRate: burnRateLimit(errorBudgetPercent / 100, periodMs, longWindow),
    }));
  return { windows: { periodMs, pairs: [...pairs("page", page), ...pairs("ticket", ticket)] }, problems: [] };
}
