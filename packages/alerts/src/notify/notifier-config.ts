import { readFile } from "node:fs/promises";
import { messageOf } from "@tocsin/model";
import type { Secret } from "@tocsin/model/config";
import { z } from "zod";
import { HttpConfig, type ProxyConfig, type TlsConfig } from "../config/http-config.js";
import { parseRetryAfter } from "../deliver/backoff.js";
import { AlertsError } from "../errors.js";
import type { HttpClient, HttpResponse, TlsOptions } from "../http/client.js";
import { OAuth2Tokens } from "../http/oauth2.js";
import { proxyFor } from "../http/proxy.js";
import type { NotifierDeps } from "./notifier.js";

/** Fields that every entry of a receiver has. */
export const commonFields = {
  send_resolved: z.boolean().optional().describe("Whether the end of alerts is told too."),
} as const;

/** Fields of notifiers that speak HTTP. */
export const httpFields = {
  ...commonFields,
  http_config: HttpConfig.optional().describe(
    "Authorization, TLS and headers; default is global.http_config.",
  ),
} as const;

/**
 * A secret that is written in the config or in a file. Files are read at every use, so they may be rotated.
 *
 * @throws {AlertsError} ALERTS_NOTIFY_REJECTED (retryable) when the file cannot be read
 */
export async function revealSecret(inline: Secret | undefined, file: string | undefined): Promise<string> {
  if (file === undefined) return inline?.reveal() ?? "";
  try {
    return (await readFile(file, "utf8")).trim();
  } catch (error) {
    throw new AlertsError(
      "ALERTS_NOTIFY_REJECTED",
      `The secret's file ${file} could not be read: ${messageOf(error)}. Check its path and permissions.`,
      { cause: error, retryable: true },
    );
  }
}

/** The HTTP client with an entry's `http_config` applied: authorization, headers, TLS and proxy. */
export function configuredHttp(
  config: HttpConfig | undefined,
  deps: Pick<NotifierDeps, "http" | "clock">,
): HttpClient {
  if (!config) return deps.http;
  const http = withTlsAndProxy(deps.http, config);
  const { oauth2 } = config;
  const tokens =
    oauth2 &&
    new OAuth2Tokens(oauth2, withTlsAndProxy(deps.http, oauth2), deps.clock, () =>
      revealSecret(oauth2.client_secret, oauth2.client_secret_file),
    );
  return {
    async request(request) {
      const headers = {
        ...(await extraHeaders(config)),
        ...(tokens
          ? { authorization: await tokens.authorization(request.signal) }
          : await authorization(config)),
        ...request.headers,
      };
      const response = await http.request({ ...request, headers });
      if (response.status === 401) tokens?.forget();
      return response;
    },
  };
}

function withTlsAndProxy(http: HttpClient, config: ProxyConfig & Pick<HttpConfig, "tls_config">): HttpClient {
  return {
    async request(request) {
      const tls = await readTls(config.tls_config);
      const proxy = URL.canParse(request.url)
        ? proxyFor(new URL(request.url), config, process.env)
        : undefined;
      return http.request({ ...request, ...(tls ? { tls } : {}), ...(proxy ? { proxy } : {}) });
    },
  };
}

async function authorization(config: HttpConfig): Promise<Record<string, string>> {
  if (config.basic_auth) {
    const { username = "", username_file, password, password_file } = config.basic_auth;
    const name = username_file === undefined ? username : await revealSecret(undefined, username_file);
    const pair = `${name}:${await revealSecret(password, password_file)}`;
    return { authorization: `Basic ${Buffer.from(pair).toString("base64")}` };
  }
  if (config.authorization) {
    const { type, credentials, credentials_file } = config.authorization;
    return { authorization: `${type} ${await revealSecret(credentials, credentials_file)}` };
  }
  if (config.bearer_token || config.bearer_token_file !== undefined) {
    return { authorization: `Bearer ${await revealSecret(config.bearer_token, config.bearer_token_file)}` };
  }
  return {};
}

async function extraHeaders(config: HttpConfig): Promise<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const [name, { values = [], secrets = [], files = [] }] of Object.entries(config.http_headers ?? {})) {
    const fromFiles = await Promise.all(files.map((file) => revealSecret(undefined, file)));
    headers[name.toLowerCase()] = [...values, ...secrets, ...fromFiles].join(", ");
  }
  return headers;
}

/** A `tls_config` with the contents of its files. */
export async function readTls(tls: TlsConfig | undefined): Promise<TlsOptions | undefined> {
  if (!tls) return undefined;
  const [ca, cert, key] = await Promise.all([
    tls.ca ?? fileText(tls.ca_file),
    tls.cert ?? fileText(tls.cert_file),
    tls.key?.reveal() ?? fileText(tls.key_file),
  ]);
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(tls.server_name === undefined ? {} : { serverName: tls.server_name }),
    ...(tls.insecure_skip_verify ? { insecureSkipVerify: true } : {}),
  };
}

function fileText(file: string | undefined): Promise<string> | undefined {
  return file === undefined ? undefined : revealSecret(undefined, file);
}

/**
 * Turns an answer that is not 2xx into an error that tells the outbox what to do.
 *
 * @param detail what the body says, when the caller could read it
 * @throws {AlertsError} ALERTS_NOTIFY_THROTTLED for 429, ALERTS_NOTIFY_UNREACHABLE for 5xx, else ALERTS_NOTIFY_REJECTED
 */
export function ensureAccepted(
  what: string,
  response: HttpResponse,
  nowMs: number,
  options: { detail?: string | undefined; retryAfterMs?: number | undefined } = {},
): void {
  const { status } = response;
  if (status >= 200 && status < 300) return;
  const asked = options.retryAfterMs ?? parseRetryAfter(response.headers["retry-after"], nowMs);
  // A day at most, whoever asks.
  const retryAfterMs = asked === undefined ? undefined : Math.min(86_400_000, Math.max(0, asked));
  const detail = options.detail ? ` and says: ${options.detail.slice(0, 200)}` : "";
  if (status === 429) {
    throw new AlertsError(
      "ALERTS_NOTIFY_THROTTLED",
      `${what} asks to be sent less (429)${detail}. It will be tried again.`,
      {
        retryable: true,
        retryAfterMs,
      },
    );
  }
  if (status >= 500 || status === 408 || status === 425) {
    throw new AlertsError(
      "ALERTS_NOTIFY_UNREACHABLE",
      `${what} answered ${status}${detail}. It will be tried again.`,
      { retryable: true, retryAfterMs },
    );
  }
  const hint =
    HINTS[status] ??
    (status < 400
      ? "Redirects are not followed; write the final URL."
      : "Check the config of this notifier.");
  throw new AlertsError("ALERTS_NOTIFY_REJECTED", `${what} answered ${status}${detail}. ${hint}`);
}

const HINTS: Readonly<Record<number, string>> = {
  401: "Check the credentials.",
  403: "Check the credentials and what they allow.",
  404: "Check that the URL still exists.",
  410: "The URL is gone; make a new one.",
  413: "The message is too large; lower max_alerts.",
};

/** Host and port of a URL, for names of destinations: the path may be a secret. */
export function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : "?";
}
