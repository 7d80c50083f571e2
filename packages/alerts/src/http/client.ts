import * as http from "node:http";
import * as https from "node:https";
import type { LookupFunction } from "node:net";
import { messageOf } from "@tocsin/model";
import { AlertsError } from "../errors.js";
import { type AddressGuard, guardedLookup } from "./address-guard.js";
import { type HttpProxy, proxyAgent } from "./proxy.js";

export interface HttpRequest {
  readonly url: string;
  /** Default POST when there is a body, else GET. */
  readonly method?: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Whole request, from look-up to the last byte of the answer. Default 10 s. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly tls?: TlsOptions;
  /** The proxy's own address is taken as it is; a target that is an address is judged all the same, a name is not. */
  readonly proxy?: HttpProxy;
}

/** The parts of Alertmanager's `tls_config`, with file contents already read. */
export interface TlsOptions {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly serverName?: string;
  readonly insecureSkipVerify?: boolean;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The first 64 KB of the body; the rest is not read. */
  readonly body: string;
}

/** HTTP to the outside: limits on time and size, no redirects, no forbidden addresses, one connection each. */
export interface HttpClient {
  /**
   * @returns any answer, whatever its status; redirects are answers too
   * @throws {AlertsError} ALERTS_NOTIFY_UNREACHABLE (retryable) or ALERTS_NOTIFY_FORBIDDEN_ADDRESS (not)
   */
  request(request: HttpRequest): Promise<HttpResponse>;
}

const MAX_BODY_BYTES = 64 * 1024;
const DEFAULT_TIMEOUT_MS = 10_000;

/** The real client. Built on `node:http` because `fetch` cannot check the address it connects to. */
export function createHttpClient(
  guard: AddressGuard,
  userAgent = "tocsin",
  lookUp?: LookupFunction,
): HttpClient {
  const lookup = guardedLookup(guard, lookUp);
  return { request: async (request) => send(request, guard, lookup, userAgent) };
}

async function send(
  request: HttpRequest,
  guard: AddressGuard,
  lookup: LookupFunction,
  userAgent: string,
): Promise<HttpResponse> {
  const url = parseUrl(request.url);
  // A literal address never reaches the look-up function.
  guard.checkLiteral(url.hostname);
  const timeoutMs = request.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = request.signal ? AbortSignal.any([timeout, request.signal]) : timeout;
  const transport = url.protocol === "https:" ? https : http;
  // Behind a proxy it is the proxy that looks names up.
  const way = request.proxy
    ? { agent: await proxyAgent(request.proxy, url, signal) }
    : { agent: false, lookup };

  return new Promise((resolve, reject) => {
    const fail = (thrown: unknown): void => reject(asUnreachable(thrown, url, timeout.aborted, timeoutMs));
    const outgoing = transport.request(
      url,
      {
        method: request.method ?? (request.body === undefined ? "GET" : "POST"),
        headers: { "user-agent": userAgent, ...request.headers, ...contentLength(request.body) },
        ...way,
        signal,
        ...tlsOptions(request.tls),
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        let sizeBytes = 0;
        const finish = (): void =>
          resolve({
            status: incoming.statusCode ?? 0,
            headers: flatten(incoming.headers),
            body: Buffer.concat(chunks).subarray(0, MAX_BODY_BYTES).toString("utf8"),
          });
        incoming.on("data", (chunk: Buffer) => {
          chunks.push(chunk);
          sizeBytes += chunk.length;
          if (sizeBytes < MAX_BODY_BYTES) return;
          finish();
          incoming.destroy();
        });
        incoming.on("end", finish);
        incoming.on("error", fail);
        incoming.on("aborted", () => fail(new Error("the connection ended in the middle of the answer")));
      },
    );
    outgoing.on("error", fail);
    outgoing.end(request.body);
  });
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && (url.protocol === "http:" || url.protocol === "https:")) return url;
  throw new AlertsError(
    "ALERTS_NOTIFY_REJECTED",
    `The target is not an http:// or https:// URL. Correct the URL of the notifier.`,
  );
}

function contentLength(body: string | Uint8Array | undefined): Record<string, string> {
  return body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
}

function tlsOptions(tls: TlsOptions | undefined): https.RequestOptions {
  if (!tls) return {};
  return {
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
    ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
    ...(tls.insecureSkipVerify ? { rejectUnauthorized: false } : {}),
  };
}

function flatten(headers: http.IncomingHttpHeaders): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) flat[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return flat;
}

/** Only host and port are told: paths and queries of webhook URLs are secrets. */
function asUnreachable(thrown: unknown, url: URL, timedOut: boolean, timeoutMs: number): AlertsError {
  if (thrown instanceof AlertsError) return thrown;
  if (thrown instanceof Error && thrown.cause instanceof AlertsError) return thrown.cause;
  const reason = timedOut ? `no complete answer within ${timeoutMs / 1000} s` : messageOf(thrown);
  return new AlertsError(
    "ALERTS_NOTIFY_UNREACHABLE",
    `${url.host} could not be reached: ${reason}. Check the address, and that it can be reached from here.`,
    { retryable: true },
  );
}
