import { readFile } from "node:fs/promises";
import * as http from "node:http";
import * as https from "node:https";
import { createGunzip } from "node:zlib";
import { messageOf } from "@tocsin/model";
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
      let url = request.url;
      for (let hop = 0; ; hop++) {
        const answer = await getOnce({ ...request, url }, plain, agents, userAgent);
        if (!("location" in answer)) return answer;
        if (!request.access.follow_redirects || hop === MAX_REDIRECTS) {
          throw new ScrapeError(
            "SCRAPE_STATUS",
            `${url} redirects to ${answer.location}, which is not followed.`,
          );
        }
        url = new URL(answer.location, url).href;
      }
    },
    close() {
      plain.destroy();
      for (const agent of agents.values()) agent.destroy();
    },
  };
}

async function getOnce(
  request: GetRequest,
  plain: http.Agent,
  agents: Map<string, http.Agent>,
  userAgent: string,
): Promise<GetResponse | { location: string }> {
  const headers = {
    "user-agent": userAgent,
    ...(request.acceptsGzip ? { "accept-encoding": "gzip" } : {}),
    ...request.headers,
    ...(await authorization(request.access)),
  };
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

async function authorization(access: HttpAccessConfig): Promise<Record<string, string>> {
  const { basic_auth, bearer_token, bearer_token_file } = access;
  if (basic_auth !== undefined) {
    const password = basic_auth.password?.reveal() ?? (await fileText(basic_auth.password_file));
    const encoded = Buffer.from(`${basic_auth.username}:${password}`).toString("base64");
    return { authorization: `Basic ${encoded}` };
  }
  const type = access.authorization?.type ?? "Bearer";
  const credentials =
    (access.authorization?.credentials ?? bearer_token)?.reveal() ??
    (await fileText(access.authorization?.credentials_file ?? bearer_token_file));
  return credentials === "" ? {} : { authorization: `${type} ${credentials}` };
}

async function fileText(file: string | undefined): Promise<string> {
  return file === undefined ? "" : (await readFile(file, "utf8")).trim();
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
