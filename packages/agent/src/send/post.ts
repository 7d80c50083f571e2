import { Agent as PlainAgent, request as plainRequest } from "node:http";
import type { Agent as SecureAgent } from "node:https";
import type { Destination } from "./protocol.js";

/** What came of one POST. */
export type Outcome =
  | { readonly kind: "accepted"; readonly rejected: number; readonly why: string }
  | { readonly kind: "refused"; readonly why: string }
  | { readonly kind: "later"; readonly why: string; readonly retryAfterMs: number | undefined };

/** Posts OTLP bodies to one destination over kept-alive connections. Never throws. */
export class Poster {
  private readonly destination: Destination;
  private readonly url: URL;
  private readonly agent: PlainAgent | SecureAgent;
  /** Loaded where it is used: it takes a megabyte and a half. */
  private readonly secure: typeof import("node:https") | undefined;

  constructor(destination: Destination) {
    this.destination = destination;
    this.url = new URL(destination.url);
    const options = { keepAlive: true, maxSockets: 2 };
    this.secure = this.url.protocol === "https:" ? process.getBuiltinModule("node:https") : undefined;
    this.agent =
      this.secure === undefined
        ? new PlainAgent(options)
        : new this.secure.Agent({ ...options, ...destination.tls });
  }

  /** @param parts the body, in parts that follow each other */
  async post(parts: readonly Uint8Array[], timeoutMs = this.destination.timeoutMs): Promise<Outcome> {
    try {
      const sent = this.destination.isGzip ? [await compress(Buffer.concat(parts))] : parts;
      return await this.send(sent, timeoutMs);
    } catch (thrown) {
      const why = thrown instanceof Error ? explain(thrown) : String(thrown);
      return { kind: "later", why, retryAfterMs: undefined };
    }
  }

  private send(body: readonly Uint8Array[], timeoutMs: number): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const request = (this.secure?.request ?? plainRequest)(
        this.url,
        {
          method: "POST",
          agent: this.agent,
          headers: {
            "content-type": "application/x-protobuf",
            "content-length": body.reduce((sum, { length }) => sum + length, 0),
            "user-agent": "tocsin-agent",
            ...(this.destination.isGzip ? { "content-encoding": "gzip" } : {}),
            ...this.destination.headers,
          },
        },
        (response) => {
          const parts: Buffer[] = [];
          let size = 0;
          response.on("data", (part: Buffer) => {
            size += part.length;
            if (size <= ANSWER_LIMIT) parts.push(part);
          });
          response.on("error", reject);
          response.on("end", () => {
            clearTimeout(timer);
            resolve(judge(response.statusCode ?? 0, response.headers["retry-after"], Buffer.concat(parts)));
          });
        },
      );
      const timer = setTimeout(
        () => request.destroy(new Error(`no answer within ${Math.round(timeoutMs)} ms`)),
        timeoutMs,
      );
      request.on("error", (error) => {
        clearTimeout(timer);
        reject(error);
      });
      // Written together, so that head and parts leave in as few packets as one body would.
      request.cork();
      for (const part of body) request.write(part);
      request.end();
    });
  }
}

const ANSWER_LIMIT = 65_536;

function compress(body: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) =>
    process
      .getBuiltinModule("node:zlib")
      .gzip(body, (error, result) => (error === null ? resolve(result) : reject(error))),
  );
}

/** 2xx is taken; 429, 502, 503 and 504 ask to come again; anything else will not get better. */
export function judge(status: number, retryAfter: string | undefined, body: Uint8Array): Outcome {
  if (status >= 200 && status < 300) {
    const partial = readPartialSuccess(body);
    return { kind: "accepted", rejected: partial.rejected, why: partial.message };
  }
  const why = `answered ${status}`;
  if (status === 429 || status === 502 || status === 503 || status === 504)
    return { kind: "later", why, retryAfterMs: parseRetryAfter(retryAfter, Date.now()) };
  return { kind: "refused", why };
}

/** Seconds or an HTTP date, in milliseconds from now. */
export function parseRetryAfter(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  const seconds = Number(header);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  const atMs = Date.parse(header);
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}

/** `Export*PartialSuccess`: field 1 the count, field 2 the message; both inside field 1 of the answer. */
function readPartialSuccess(body: Uint8Array): { rejected: number; message: string } {
  let rejected = 0;
  let message = "";
  if (body.length < 2 || body[0] !== 0x0a) return { rejected, message };
  let at = 1;
  const varint = (): number => {
    let value = 0;
    let scale = 1;
    for (; at < body.length; scale *= 128) {
      const byte = body[at++] ?? 0;
      value += (byte & 127) * scale;
      if (byte < 128) break;
    }
    return value;
  };
  const end = Math.min(body.length, varint() + at);
  while (at < end) {
    const tag = varint();
    if (tag === 0x08) rejected = varint();
    else if (tag === 0x12) {
      const size = varint();
      message = Buffer.from(body.subarray(at, at + size)).toString("utf8");
      at += size;
    } else break;
  }
  return { rejected, message };
}

/** Node's network errors in words. */
function explain(error: Error & { code?: string }): string {
  return REASONS[error.code ?? ""] ?? error.message;
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused: nothing listens there",
  ENOTFOUND: "the host name is unknown",
  EAI_AGAIN: "the host name could not be looked up",
  ECONNRESET: "the connection was cut",
  ETIMEDOUT: "the connection timed out",
  EPROTO: "no TLS there (is it http://?)",
};
