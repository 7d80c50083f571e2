import { readFile } from "node:fs/promises";
import * as http from "node:http";
import * as https from "node:https";
import { createGunzip } from "node:zlib";
import { messageOf } from "@tocsin/model";
import { maskError } from "@tocsin/model/config";
import { httpAuth } from "../config/http-auth.js";
import type { HttpAccessConfig } from "./config.js";
import { ScrapeError } from "./errors.js";

export interface GetRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly access: HttpAccessConfig;
  readonly timeoutMs: number;
  /** Largest body after decompression. */
  readonly maxBytes: number;
  readonly acceptsGzip: boolean;
  readonly signal?: AbortSignal;
}

export interface GetResponse {
  readonly contentType: string;
  readonly body: Buffer;
}

/** GET with the access options of a config; the part of scraping and discovery that touches the network. */
export interface HttpGetter {
  /** @throws {ScrapeError} SCRAPE_STATUS, SCRAPE_UNREACHABLE, SCRAPE_TOO_LARGE */
  get(request: GetRequest): Promise<GetResponse>;
  close(): void;
}

const MAX_REDIRECTS = 5;

/** Keeps connections to targets open between scrapes. */
export function createHttpGetter(userAgent = "tocsin"): HttpGetter {
  const agents = new Map<string, http.Agent>();
  const plain = new http.Agent({ keepAlive: true, maxFreeSockets: 1 });
  return {
    async get(request) {
      const auth = await httpAuth(request.access);
      const headers = {
        "user-agent": userAgent,
        ...(request.acceptsGzip ? { "accept-encoding": "gzip" } : {}),
        ...request.headers,
        ...auth.headers,
      };
      const reach = (url: string) => getOnce({ ...request, url, headers }, plain, agents);
      try {
        return await getFollowing(request, reach);
      } catch (error) {
        throw maskError(error, auth.mask);
      }
    },
    close() {
      plain.destroy();
      for (const agent of agents.values()) agent.destroy();
    },
  };
}

async function getFollowing(
  { url: first, access }: GetRequest,
  reach: (url: string) => Promise<GetResponse | { location: string }>,
): Promise<GetResponse> {
  let url = first;
  for (let hop = 0; ; hop++) {
    const answer = await reach(url);
    if (!("location" in answer)) return answer;
    if (!access.follow_redirects || hop === MAX_REDIRECTS) {
      throw new ScrapeError(
        "SCRAPE_STATUS",
        `${url} redirects to ${answer.location}, which is not followed.`,
      );
    }
    url = new URL(answer.location, url).href;
  }
}

async function getOnce(
  request: GetRequest,
  plain: http.Agent,
  agents: Map<string, http.Agent>,
): Promise<GetResponse | { location: string }> {
  const { headers } = request;
  const isSecure = request.url.startsWith("https:");
  const agent = isSecure ? await secureAgent(request.access, agents) : plain;
  const timeout = AbortSignal.timeout(request.timeoutMs);
  const signal = request.signal ? AbortSignal.any([timeout, request.signal]) : timeout;
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => reject(unreachable(error, request, timeout.aborted));
    const outgoing = (isSecure ? https : http).get(request.url, { headers, agent, signal }, (incoming) => {
      const status = incoming.statusCode ?? 0;
      const { location } = incoming.headers;
      if (status !== 200) {
        incoming.resume();
        if (status >= 300 && status < 400 && location !== undefined) resolve({ location });
        else
          reject(
            new ScrapeError(
              "SCRAPE_STATUS",
              `server returned HTTP status ${status} ${incoming.statusMessage}`,
            ),
          );
        return;
      }
      readBody(incoming, request.maxBytes).then(
        (body) => resolve({ contentType: incoming.headers["content-type"] ?? "", body }),
        (error: unknown) => {
          incoming.destroy();
          if (error instanceof ScrapeError) reject(error);
          else fail(error);
        },
      );
    });
    outgoing.on("error", fail);
  });
}

async function readBody(incoming: http.IncomingMessage, maxBytes: number): Promise<Buffer> {
  const isCompressed = incoming.headers["content-encoding"] === "gzip";
  const plain = isCompressed ? incoming.pipe(createGunzip()) : incoming;
  if (isCompressed) incoming.on("error", (error) => plain.destroy(error));
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of plain as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) {
      throw new ScrapeError("SCRAPE_TOO_LARGE", `The body exceeds the body_size_limit of ${maxBytes} bytes.`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** One agent per TLS configuration; its files are read when it is made. */
async function secureAgent(access: HttpAccessConfig, agents: Map<string, http.Agent>): Promise<http.Agent> {
  const tls = access.tls_config;
  const key = JSON.stringify(tls ?? {});
  const known = agents.get(key);
  if (known !== undefined) return known;
  const file = async (path: string | undefined) => (path === undefined ? undefined : readFile(path));
  const agent = new https.Agent({
    keepAlive: true,
    maxFreeSockets: 1,
    ca: await file(tls?.ca_file),
    cert: await file(tls?.cert_file),
    key: await file(tls?.key_file),
    ...(tls?.server_name === undefined ? {} : { servername: tls.server_name }),
    rejectUnauthorized: tls?.insecure_skip_verify !== true,
  });
  agents.set(key, agent);
  return agent;
}

function unreachable(error: unknown, request: GetRequest, timedOut: boolean): ScrapeError {
  const reason = timedOut ? `no complete answer within ${request.timeoutMs / 1_000} s` : messageOf(error);
  const { host } = new URL(request.url);
  return new ScrapeError("SCRAPE_UNREACHABLE", `${host} could not be scraped: ${reason}.`, {
    cause: error,
    retryable: true,
  });
}
