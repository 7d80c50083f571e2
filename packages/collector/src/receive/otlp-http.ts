import type { Request, Response, Router } from "express";
import express from "express";
import type { OtlpSignal } from "../otlp/columns.js";
import { otlpJsonToProtobuf } from "../otlp/json.js";
import { type Encoding, exportResponse, statusBody } from "./answer.js";
import { ACCEPTED_ENCODINGS, readBody } from "./body.js";
import type { Intake } from "./intake.js";
import { Refusal } from "./refusal.js";
import { senderOf, type WriteAuthorizer } from "./sender.js";

const SIGNALS: readonly OtlpSignal[] = ["traces", "metrics", "logs"];

const MEDIA_TYPE: Readonly<Record<Encoding, string>> = {
  protobuf: "application/x-protobuf",
  json: "application/json",
};

/**
 * OTLP/HTTP: `/v1/traces`, `/v1/metrics`, `/v1/logs`, protobuf and JSON.
 *
 * @see OpenTelemetry protocol specification, OTLP/HTTP.
 */
export function otlpHttpRoutes(intake: Intake, authorizer: WriteAuthorizer): Router {
  const router = express.Router();
  for (const signal of SIGNALS) {
    router.all(`/v1/${signal}`, (request, response) => receive(signal, request, response));
  }
  return router;

  async function receive(signal: OtlpSignal, request: Request, response: Response): Promise<void> {
    const encoding = encodingOf(request);
    const sender = senderOf(authorizer, request.headers.authorization, request.socket.remoteAddress);
    const reservation = intake.reserve(sender.name);
    try {
      if (sender.refusal) throw sender.refusal;
      if (request.method !== "POST") {
        throw new Refusal("method", `OTLP is sent with POST, not ${request.method}.`);
      }
      if (encoding === undefined) {
        throw new Refusal(
          "media_type",
          `Content-Type "${request.headers["content-type"] ?? ""}" is not understood. Use ${MEDIA_TYPE.protobuf} or ${MEDIA_TYPE.json}.`,
        );
      }
      const body = await readBody(request, intake.limits.maxRequestBytes, reservation, (bytes) =>
        intake.countBytes("otlp-http", bytes),
      );
      const protobuf = encoding === "json" ? otlpJsonToProtobuf(signal, body) : body;
      const { rejected, reason } = await intake.accept("otlp-http", signal, protobuf);
      send(response, 200, encoding, exportResponse(signal, encoding, rejected, reason));
    } catch (error) {
      const refusal = intake.refuse("otlp-http", signal, sender.name, error);
      sendRefusal(request, response, refusal, encoding ?? "json", intake);
    } finally {
      reservation.release();
    }
  }
}

/** The answer to a request that was not taken. */
export function sendRefusal(
  request: Request,
  response: Response,
  refusal: Refusal,
  encoding: Encoding,
  intake: Intake,
): void {
  if (response.destroyed || response.headersSent) return;
  prepareRefusal(request, response, refusal, intake);
  send(response, refusal.httpStatus, encoding, statusBody(encoding, refusal.rpcCode, refusal.message));
}

/** Headers of the answer to a request that was not taken, and what becomes of the rest of its body. */
export function prepareRefusal(
  request: Request,
  response: Response,
  refusal: Refusal,
  { holdBack, limits }: Pick<Intake, "holdBack" | "limits">,
): void {
  holdBack.hold(request, response, refusal);
  if (refusal.retryable) response.setHeader("Retry-After", String(limits.retryAfterSeconds));
  if (refusal.httpStatus === 401) response.setHeader("WWW-Authenticate", 'Bearer realm="tocsin"');
  if (refusal.httpStatus === 405) response.setHeader("Allow", "POST");
  if (refusal.httpStatus === 415) response.setHeader("Accept-Encoding", ACCEPTED_ENCODINGS);
  // What is left of the body is thrown away, so that the connection can be used again; a huge one is cut off instead.
  if (refusal.httpStatus === 413) response.setHeader("Connection", "close");
  else request.resume();
}

function send(response: Response, status: number, encoding: Encoding, body: Buffer): void {
  // Express would add a charset and an ETag to what `send` writes; OTLP wants neither.
  response.writeHead(status, { "Content-Type": MEDIA_TYPE[encoding], "Content-Length": body.length });
  response.end(body);
}

/** The encoding of a request; undefined when its media type is neither. */
export function encodingOf(request: Request): Encoding | undefined {
  const mediaType = (request.headers["content-type"] ?? "").split(";", 1)[0].trim().toLowerCase();
  if (mediaType === "application/x-protobuf" || mediaType === "application/protobuf") return "protobuf";
  return mediaType === "application/json" ? "json" : undefined;
}
