import { z } from "zod";
import type { InhibitRule as Rule } from "../dispatch/inhibitor.js";
import { matcherList } from "./fields.js";
import { matchMap } from "./route.js";

/** Alertmanager's `inhibit_rules` entry, old and new forms, read into matchers. */
export const InhibitRule = z
  .strictObject({
    name: z.string().optional(),
    source_match: matchMap("=").optional(),
    source_match_re: matchMap("=~").optional(),
    source_matchers: matcherList().optional(),
    target_match: matchMap("=").optional(),
    target_match_re: matchMap("=~").optional(),
    target_matchers: matcherList().optional(),
    equal: z.array(z.string()).default([]).describe("Labels that must be equal on both sides."),
  })
  .transform(
    (config): Rule => ({
      source: [
        ...(config.source_match ?? []),
        ...(config.source_match_re ?? []),
        ...(config.source_matchers ?? []),
      ],
      target: [
        ...(config.target_match ?? []),
        ...(config.target_match_re ?? []),
        ...(config.target_matchers ?? []),
      ],
      equal: config.equal,
    }),
  );
