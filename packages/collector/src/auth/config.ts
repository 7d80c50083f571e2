import { secret } from "@tocsin/model/config";
import { z } from "zod";

/** What a token lets its holder do: send telemetry, read the page and APIs, or change the world (approve, silence, reload). */
export const Permission = z.enum(["write", "read", "act"]);
export type Permission = z.infer<typeof Permission>;

export const AuthConfig = z.strictObject({
  tokens: z
    .array(
      z
        .strictObject({
          name: z.string().min(1).describe("Whose token it is; named in the audit log."),
          token: secret().optional().describe("The bearer token, usually ${NAME} from the environment."),
          token_file: z
            .string()
            .optional()
            .describe("A file that holds the token; read at start and on reload."),
          can: z
            .array(Permission)
            .min(1)
            .describe("What it allows: write (telemetry), read (page, APIs), act."),
        })
        .refine((entry) => (entry.token === undefined) !== (entry.token_file === undefined), {
          message: "Give either token or token_file.",
        }),
    )
    .default([])
    .describe("Bearer tokens. With none, everyone who reaches the address may write and read."),
});
export type AuthConfig = z.infer<typeof AuthConfig>;
