import { type Clock, messageOf } from "@tocsin/model";
import { type Request, type Response, Router } from "express";
import { Counter, type Registry } from "prom-client";
import snappy from "snappyjs";
import { CollectorError } from "../errors.js";
import { fromVersion2 } from "./version-2.js";
import { readWriteRequest } from "./write-request.js";

/** Where acknowledged bytes go: the spool. Resolves when they are durable. */
export type AppendSamples = (record: {
  readonly signal: "samples";
  readonly body: Buffer;
  readonly receivedAtMs: number;
}) => Promise<unknown>;

export interface RemoteWriteDeps {
  readonly append: AppendSamples;
  readonly clock: Clock;
  readonly registry: Registry;
  /** Largest request, as sent and after decompression. */
  readonly maxBytes: number;
}

const VERSION_2 = "io.prometheus.write.v2.Request";

/** What a request held, for the answer to remote write 2.0. */
interface Written {
  series: number;
  samples: number;
  histograms: number;
  exemplars: number;
}

/**
 * Prometheus remote write 1.0 and 2.0, to be mounted at `/prometheus/api/v1/write`. A request is answered 2xx once it
 * is durable. 400 tells the sender not to repeat a request, 429 and 503 to repeat it later.
 */
export function remoteWriteRoutes(deps: RemoteWriteDeps): Router {
  const requests = new Counter({
    name: "tocsin_remote_write_requests_total",
    help: "Remote-write requests by what they were answered: ok, refused.",
    labelNames: ["answer"],
    registers: [deps.registry],
  });
  const counter = new Counter({
    name: "tocsin_remote_write_received_total",
    help: "Samples received by remote write and made durable, by kind.",
    labelNames: ["kind"],
    registers: [deps.registry],
  });
  const refused = new Counter({
    name: "tocsin_remote_write_refused_total",
    help: "Remote-write requests that were not taken, by reason: media_type, too_large, malformed, spool.",
    labelNames: ["reason"],
    registers: [deps.registry],
  });
  const refuse = (reason: string): void => {
    requests.inc({ answer: "refused" });
    refused.inc({ reason });
  };
  const router = Router();
  router.post("/", async (request, response) => {
    const isVersion2 = (request.headers["content-type"] ?? "").includes(VERSION_2);
    const refusal = refusedType(request);
    if (refusal !== undefined) {
      refuse("media_type");
      response.status(415).type("text/plain").send(refusal);
      return;
    }
    const sent = await readBody(request, deps.maxBytes);
    if (sent === undefined) {
      refuse("too_large");
      response
        .status(413)
        .type("text/plain")
        .send("The request is too large. Send fewer samples per request.\n");
      return;
    }
    let body: Buffer;
    let written: Written;
    try {
      const plain = snappy.uncompress(sent, deps.maxBytes);
      body = isVersion2 ? fromVersion2(plain) : plain;
      written = count(body);
    } catch (error) {
      refuse("malformed");
      response
        .status(400)
        .type("text/plain")
        .send(`${messageOf(error)}\n`);
      return;
    }
    try {
      await deps.append({ signal: "samples", body, receivedAtMs: deps.clock.now() });
    } catch (error) {
      refuse("spool");
      later(response, error);
      return;
    }
    requests.inc({ answer: "ok" });
    counter.inc({ kind: "float" }, written.samples);
    counter.inc({ kind: "histogram" }, written.histograms);
    counter.inc({ kind: "exemplar" }, written.exemplars);
    response.setHeader("X-Prometheus-Remote-Write-Samples-Written", written.samples);
    response.setHeader("X-Prometheus-Remote-Write-Histograms-Written", written.histograms);
    response.setHeader("X-Prometheus-Remote-Write-Exemplars-Written", written.exemplars);
    response.status(204).end();
  });
  return router;
}

/** Why the body's form is not one we read; undefined when it is. */
function refusedType(request: Request): string | undefined {
  const encoding = request.headers["content-encoding"] ?? "snappy";
  if (encoding !== "snappy") {
    return `Content-Encoding "${encoding}" is not supported. Send the body with snappy's block compression.\n`;
  }
  const type = request.headers["content-type"] ?? "application/x-protobuf";
  if (
    /^application\/x-protobuf\s*(;\s*proto=(prometheus\.WriteRequest|io\.prometheus\.write\.v2\.Request))?\s*$/.test(
      type,
    )
  ) {
    return undefined;
  }
  return `Content-Type "${type}" is not supported. Send application/x-protobuf, with proto=${VERSION_2} for remote write 2.0.\n`;
}

/** The spool is full or failing: the sender keeps the data and comes again. */
function later(response: Response, error: unknown): void {
  const isFull = error instanceof CollectorError && error.code === "SPOOL_FULL";
  const isTooLarge = error instanceof CollectorError && error.code === "SPOOL_RECORD_TOO_LARGE";
  if (!isTooLarge) response.setHeader("Retry-After", isFull ? "5" : "1");
  response
    .status(isTooLarge ? 413 : isFull ? 429 : 503)
    .type("text/plain")
    .send(`${messageOf(error)}\n`);
}

/** Walks the whole request, so that what was acknowledged can be read later. */
function count(body: Buffer): Written {
  const written: Written = { series: 0, samples: 0, histograms: 0, exemplars: 0 };
  readWriteRequest(body, {
    series: () => written.series++,
    sample: () => written.samples++,
    histogram: () => written.histograms++,
    exemplar: () => written.exemplars++,
    metadata: () => undefined,
  });
  return written;
}

/** The bytes as sent; undefined when there are too many. Body parsers refuse snappy, which they do not know. */
async function readBody(request: Request, maxBytes: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    // The rest is still read: a sender that is cut off in the middle never sees the answer.
    if (length <= maxBytes) chunks.push(chunk);
    else if (length > maxBytes * 4) break;
  }
  return length > maxBytes ? undefined : Buffer.concat(chunks);
}
