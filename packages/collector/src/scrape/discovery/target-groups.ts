import { z } from "zod";
import { ScrapeError } from "../errors.js";
import type { TargetGroup } from "./discovery.js";

const TargetGroups = z.array(
  z.object({
    targets: z.array(z.string()).default([]),
    labels: z.record(z.string(), z.coerce.string()).default({}),
  }),
);

/**
 * Target groups of a file or an HTTP answer: `[{"targets": ["host:port"], "labels": {…}}]`.
 *
 * @throws {ScrapeError} SCRAPE_DISCOVERY
 */
export function readTargetGroups(value: unknown, source: string): readonly TargetGroup[] {
  const result = TargetGroups.safeParse(value ?? []);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new ScrapeError(
    "SCRAPE_DISCOVERY",
    `${source} does not hold a list of {targets, labels}: ${issue.message} at ${issue.path.join(".") || "the top"}.`,
  );
}
