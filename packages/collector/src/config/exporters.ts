import { z } from "zod";
import { ForwardConfig } from "../export/config.js";
import { RemoteWriteConfig } from "../remote-write/config.js";

/** `exporters:` in tocsin.yaml. */
export const ExportersConfig = z
  .array(
    z
      .strictObject({
        name: z
          .string()
          .regex(/^[a-zA-Z0-9][\w.-]*$/, { error: "A name has letters, digits, '.', '_' and '-'." })
          .describe("Names the backend; its place in the spool is kept under this name."),
        otlp: ForwardConfig.optional().describe("Traces, metrics and logs over OTLP, as under `forward`."),
        prometheus_remote_write: RemoteWriteConfig.omit({ name: true })
          .optional()
          .describe("Metrics by remote write, as under `remote_write`."),
      })
      .refine(({ otlp, prometheus_remote_write: write }) => (otlp === undefined) !== (write === undefined), {
        message: "Write exactly one of otlp and prometheus_remote_write.",
      }),
  )
  .default([])
  .superRefine((exporters, context) => {
    exporters.forEach(({ name }, index) => {
      if (exporters.findIndex((other) => other.name === name) === index) return;
      const message = `There are two exporters "${name}". Give each its own name.`;
      context.addIssue({ code: "custom", message, path: [index, "name"] });
    });
  })
  .describe("Further backends, each with its own place in the spool: one that is away delays no other.");
