import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import { promisify } from "node:util";
import { constants, gzip } from "node:zlib";
import { type Clock, messageOf } from "@tocsin/model";
import type { Mask } from "@tocsin/model/config";
import type { OtlpSignal } from "../otlp/columns.js";
import {
  type Endpoint,
  type EndpointOptions,
  printableUrl,
  readPartialSuccess,
  readStatusMessage,
} from "./endpoint.js";
import { type Outcome, outcomeOfHttp } from "./outcome.js";
import { explainTls } from "./tls.js";

const compress = promisify(gzip);

/** Of an answer, more than this is not read. */
const MAX_ANSWER_BYTES = 64 * 1024;

/** An OTLP/HTTP endpoint; `url` is the base, to which `/v1/<signal>` is added. */
export function httpEndpoint(url: URL, clock: Clock, options: EndpointOptions = {}): Endpoint {
  const { compression = "gzip", timeoutMs = 10_000, headers = {}, tls, mask = (text) => text } = options;
  const base = url.pathname.replace(/\/+$/, "");
  const agentOptions = { keepAlive: true, maxSockets: 4, keepAliveMsecs: 30_000 };
  const agent =
    url.protocol === "https:" ? new https.Agent({ ...agentOptions, ...tls }) : new http.Agent(agentOptions);
  const request = url.protocol === "https:" ? https.request : http.request;

  async function send(signal: OtlpSignal, body: Buffer, abort: AbortSignal): Promise<Outcome> {
    try {
      // Telemetry is repetitive: the lowest level already takes most of what there is to gain.
      const sent = compression === "gzip" ? await compress(body, { level: constants.Z_BEST_SPEED }) : body;
      const { status, retryAfter, answer } = await exchange(signal, sent, abort);
      const said = status < 300 ? "" : printable(answer, mask);
      const outcome = outcomeOfHttp(status, retryAfter, said, clock.now());
      if (outcome.kind !== "sent") return outcome;
      const { rejectedItems, message } = readPartialSuccess(answer);
      return { ...outcome, rejectedItems, message: mask(message) };
    } catch (error) {
      return { kind: "retry", afterMs: undefined, message: explainTls(messageOf(error)) };
    }
  }

  function exchange(
    signal: OtlpSignal,
    body: Buffer,
    abort: AbortSignal,
  ): Promise<{ status: number; retryAfter: string | undefined; answer: Buffer }> {
    return new Promise((resolve, reject) => {
      const outgoing = request(
        {
          protocol: url.protocol,
          hostname: url.hostname.replace(/^\[|\]$/g, ""),
          port: url.port,
          path: `${base}/v1/${signal}`,
          method: "POST",
          agent,
          signal: abort,
          auth: url.username
            ? `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
            : undefined,
          headers: {
            "Content-Type": "application/x-protobuf",
            "Content-Length": body.length,
            "User-Agent": "tocsin",
            ...(compression === "gzip" ? { "Content-Encoding": "gzip" } : {}),
            ...headers,
          },
        },
        (response) => {
          readAnswer(response).then(
            (answer) =>
              resolve({
                status: response.statusCode ?? 0,
                retryAfter: response.headers["retry-after"],
                answer,
              }),
            reject,
          );
        },
      );
      outgoing.setTimeout(timeoutMs, () => outgoing.destroy(new Error(`no answer within ${timeoutMs} ms`)));
      outgoing.on("error", reject);
      outgoing.end(body);
    });
  }

  return { name: printableUrl(url), send, close: () => agent.destroy() };
}

async function readAnswer(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    if (size < MAX_ANSWER_BYTES) chunks.push(chunk);
    size += chunk.length;
  }
  return Buffer.concat(chunks).subarray(0, MAX_ANSWER_BYTES);
}

/** What can be shown of an answer that may be a protobuf Status, JSON or a page. */
function printable(answer: Buffer, mask: Mask): string {
  return mask(readStatusMessage(answer) ?? answer.toString())
    .slice(0, 300)
    .replace(/[^\x20-\x7e]+/g, " ")
    .trim();
}
