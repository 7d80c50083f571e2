import { z } from "zod";
import { optionalSecret, secretFile } from "./fields.js";

/** Prometheus's `tls_config`. */
export const TlsConfig = z.strictObject({
  ca: z.string().optional().describe("CA certificate, PEM."),
  ca_file: z.string().optional(),
  cert: z.string().optional().describe("Client certificate, PEM."),
  cert_file: z.string().optional(),
  key: optionalSecret(),
  key_file: z.string().optional(),
  server_name: z.string().optional().describe("Name to check the server's certificate against."),
  insecure_skip_verify: z
    .boolean()
    .optional()
    .describe("Accept any certificate. Only for trying things out."),
  min_version: z.string().optional(),
  max_version: z.string().optional(),
});
export type TlsConfig = z.output<typeof TlsConfig>;

const UNSUPPORTED =
  "is understood by Alertmanager but not by Tocsin, which connects directly. Remove it, or put a forward proxy in front as the target.";

function unsupported(name: string) {
  return z
    .unknown()
    .optional()
    .superRefine((value, context) => {
      if (value !== undefined) context.addIssue({ code: "custom", message: `${name} ${UNSUPPORTED}` });
    });
}

/** Prometheus's `http_config`, the parts that matter to a sender of small requests. */
export const HttpConfig = z
  .strictObject({
    basic_auth: z
      .strictObject({
        username: z.string().optional(),
        username_file: z.string().optional(),
        password: optionalSecret(),
        password_file: secretFile(),
      })
      .optional(),
    authorization: z
      .strictObject({
        type: z.string().default("Bearer"),
        credentials: optionalSecret(),
        credentials_file: secretFile(),
      })
      .optional(),
    bearer_token: optionalSecret().describe("Older form of authorization.credentials."),
    bearer_token_file: secretFile(),
    tls_config: TlsConfig.optional(),
    follow_redirects: z
      .boolean()
      .optional()
      .describe("Redirects are never followed; accepted for compatibility."),
    enable_http2: z.boolean().optional().describe("HTTP/1.1 is spoken always; accepted for compatibility."),
    http_headers: z
      .record(
        z.string(),
        z.strictObject({
          values: z.array(z.string()).optional(),
          secrets: z.array(z.string()).optional(),
          files: z.array(z.string()).optional(),
        }),
      )
      .optional(),
    oauth2: unsupported("oauth2"),
    proxy_url: unsupported("proxy_url"),
    no_proxy: unsupported("no_proxy"),
    proxy_from_environment: z.literal(false).optional(),
    proxy_connect_header: unsupported("proxy_connect_header"),
  })
  .superRefine((config, context) => {
    const ways = [config.basic_auth, config.authorization, config.bearer_token ?? config.bearer_token_file];
    if (ways.filter((way) => way !== undefined).length > 1) {
      context.addIssue({
        code: "custom",
        message: "at most one of basic_auth, authorization & bearer_token must be configured.",
      });
    }
  });
export type HttpConfig = z.output<typeof HttpConfig>;
