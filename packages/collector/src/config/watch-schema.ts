import { AlertingConfig, actionDefinitions, actionsSchema } from "@tocsin/alerts";
import { duration } from "@tocsin/model/config";
import { z } from "zod";
import { SloFilesConfig, SlosConfig } from "../slo/config.js";
import { CollectorConfig } from "./schema.js";

/** `tocsin.yaml`, whole: what every collector may be told, and SLOs, rules, alerts and actions. */
export const WholeConfig = CollectorConfig.extend({
  evaluation_interval: duration()
    .default(15_000)
    .describe("How often rule groups without an interval of their own are evaluated."),
  slos: SlosConfig.describe("Service level objectives, in the short form."),
  slo_files: SloFilesConfig.describe(
    "Files with OpenSLO or Sloth documents; * stands for any name. Relative to this file.",
  ),
  rule_files: z
    .array(z.string())
    .default([])
    .describe("Prometheus rule files; * stands for any name. Relative to this file."),
  alerting: AlertingConfig.prefault({}).describe("Alertmanager's configuration, inline or from config_file."),
  actions: actionsSchema(actionDefinitions).describe(
    "What may be done about an alert; dry-run unless told otherwise.",
  ),
});
export type WholeConfig = z.infer<typeof WholeConfig>;
