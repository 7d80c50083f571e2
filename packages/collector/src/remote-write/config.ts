import { duration, secret } from "@tocsin/model/config";
import { z } from "zod";
import { RelabelConfig } from "../scrape/relabel.js";

/** One entry of `remote_write`, in Prometheus's form. */
export const RemoteWriteConfig = z.strictObject({
  name: z
    .string()
    .regex(/^[a-zA-Z0-9][\w.-]*$/, { error: "A name has letters, digits, '.', '_' and '-'." })
    .default("default")
    .describe("Names the target; its place in the spool is kept under this name."),
  url: z.url().describe("Where to send, such as https://mimir.example/api/v1/push."),
  remote_timeout: duration().default(30_000).describe("How long one request may take."),
  headers: z.record(z.string(), secret()).default({}).describe("More headers, such as X-Scope-OrgID."),
  basic_auth: z
    .strictObject({
      username: z.string().default(""),
      password: secret().optional(),
      password_file: z.string().optional(),
    })
    .optional(),
  authorization: z
    .strictObject({
      type: z.string().default("Bearer"),
      credentials: secret().optional(),
      credentials_file: z.string().optional(),
    })
    .optional(),
  write_relabel_configs: z
    .array(RelabelConfig)
    .default([])
    .describe("Steps that choose and label what is sent."),
  max_samples_per_send: z.number().int().positive().default(2_000).describe("Most samples of one request."),
});
export type RemoteWriteConfig = z.infer<typeof RemoteWriteConfig>;

/** `remote_write:` in tocsin.yaml. */
export const RemoteWriteConfigs = z
  .array(RemoteWriteConfig)
  .default([])
  .superRefine((targets, context) => {
    const names = new Set<string>();
    targets.forEach(({ name }, index) => {
      if (names.has(name)) {
        const message = `There are two targets "${name}". Give each its own name.`;
        context.addIssue({ code: "custom", message, path: [index, "name"] });
      }
      names.add(name);
    });
  })
  .describe("Servers that all metrics are sent to by Prometheus remote write 1.0.");
