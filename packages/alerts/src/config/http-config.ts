import { z } from "zod";
import { atMostOne, httpUrl, optionalSecret, secretFile } from "./fields.js";

const TLS_VERSIONS = ["TLS10", "TLS11", "TLS12", "TLS13"] as const;

/** Prometheus's `tls_config`. */
export const TlsConfig = z
  .strictObject({
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
    min_version: z.enum(TLS_VERSIONS).optional(),
    max_version: z.enum(TLS_VERSIONS).optional(),
  })
  .superRefine(atMostOne("ca", "ca_file"))
  .superRefine(atMostOne("cert", "cert_file"))
  .superRefine(atMostOne("key", "key_file"));
export type TlsConfig = z.output<typeof TlsConfig>;

const proxyFields = {
  proxy_url: httpUrl()
    .optional()
    .describe("HTTP proxy to go through, such as http://proxy.example.org:3128."),
  no_proxy: z
    .string()
    .optional()
    .describe("Hosts, domains, addresses and CIDR ranges that are reached directly; separated by commas."),
  proxy_from_environment: z
    .boolean()
    .optional()
    .describe("Use HTTP_PROXY, HTTPS_PROXY and NO_PROXY (also in lower case)."),
  proxy_connect_header: z
    .record(z.string(), z.array(z.string()))
    .optional()
    .describe("Headers for the proxy, such as Proxy-Authorization."),
};

/** The fields of `http_config` that say which proxy to use. */
export const ProxyConfig = z.object(proxyFields);
export type ProxyConfig = z.output<typeof ProxyConfig>;

function checkProxy(config: ProxyConfig, context: z.RefinementCtx): void {
  if (config.proxy_from_environment && (config.proxy_url ?? config.no_proxy) !== undefined)
    context.addIssue({
      code: "custom",
      message: "if proxy_from_environment is configured, proxy_url and no_proxy must not be.",
    });
  else if (config.no_proxy !== undefined && config.proxy_url === undefined)
    context.addIssue({ code: "custom", message: "if no_proxy is configured, proxy_url must be too." });
}

/** OAuth 2.0 by client credentials. */
export const OAuth2Config = z
  .strictObject({
    client_id: z.string().min(1),
    client_secret: optionalSecret(),
    client_secret_file: secretFile(),
    token_url: httpUrl().describe("Where tokens are asked for."),
    scopes: z.array(z.string()).default([]),
    endpoint_params: z
      .record(z.string(), z.string())
      .default({})
      .describe("Further parameters of the request."),
    tls_config: TlsConfig.optional(),
    ...proxyFields,
  })
  .superRefine(atMostOne("client_secret", "client_secret_file"))
  .superRefine(checkProxy);
export type OAuth2Config = z.output<typeof OAuth2Config>;

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
      .superRefine(atMostOne("username", "username_file"))
      .superRefine(atMostOne("password", "password_file"))
      .optional(),
    authorization: z
      .strictObject({
        type: z
          .string()
          .default("Bearer")
          .refine((type) => type.trim().toLowerCase() !== "basic", "for Basic, write basic_auth instead."),
        credentials: optionalSecret(),
        credentials_file: secretFile(),
      })
      .superRefine(atMostOne("credentials", "credentials_file"))
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
    oauth2: OAuth2Config.optional(),
    ...proxyFields,
  })
  .superRefine((config, context) => {
    const ways = [
      config.basic_auth,
      config.authorization,
      config.bearer_token ?? config.bearer_token_file,
      config.oauth2,
    ];
    if (ways.filter((way) => way !== undefined).length > 1) {
      context.addIssue({
        code: "custom",
        message: "at most one of basic_auth, authorization, bearer_token & oauth2 must be configured.",
      });
    }
  })
  .superRefine(atMostOne("bearer_token", "bearer_token_file"))
  .superRefine(checkProxy);
export type HttpConfig = z.output<typeof HttpConfig>;
