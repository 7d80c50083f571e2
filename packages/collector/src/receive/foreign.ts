import type { Request, Response } from "express";
import type { OtlpSignal } from "../otlp/columns.js";
import { encodeRequest } from "../otlp/json.js";
import { readBody } from "./body.js";
import type { Intake } from "./intake.js";
import type { Transport } from "./metrics.js";
import { prepareRefusal } from "./otlp-http.js";
import { Refusal } from "./refusal.js";
import { senderOf, type WriteAuthorizer } from "./sender.js";

/** A format that is not OTLP, taken over HTTP and turned into OTLP before it is made durable. */
export interface ForeignFormat {
  /** For messages. */
  readonly name: string;
  readonly transport: Transport;
  readonly signal: OtlpSignal;
  /** "" stands for a request that names none. */
  readonly mediaTypes: readonly string[];
  /** A Content-Encoding that is part of the format and undone by `toOtlp`. */
  readonly ownEncoding?: string;
  /** Status of a request that was taken. */
  readonly acceptedStatus: 202 | 204;
  /**
   * Turns a body into an OTLP request in OTLP/JSON's form.
   *
   * @throws {Refusal} malformed, media_type
   */
  readonly toOtlp: (body: Buffer, mediaType: string, maxBytes: number) => object;
}

/** A handler for requests of a foreign format. */
export function foreignHandler(
  format: ForeignFormat,
  intake: Intake,
  authorizer: WriteAuthorizer,
): (request: Request, response: Response) => Promise<void> {
  const { transport, signal } = format;
  return async (request, response) => {
    const sender = senderOf(authorizer, request.headers.authorization, request.socket.remoteAddress);
    const reservation = intake.reserve(sender.name);
    try {
      if (sender.refusal) throw sender.refusal;
      if (request.method !== "POST") {
        throw new Refusal("method", `${format.name} is sent with POST, not ${request.method}.`);
      }
      const mediaType = (request.headers["content-type"] ?? "").split(";", 1)[0].trim().toLowerCase();
      if (!format.mediaTypes.includes(mediaType)) {
        const known = format.mediaTypes.filter((type) => type !== "").join(" or ");
        throw new Refusal("media_type", `Content-Type "${mediaType}" is not understood. Use ${known}.`);
      }
      const { maxRequestBytes } = intake.limits;
      const onWireBytes = (bytes: number): void => intake.countBytes(transport, bytes);
      const body = await readBody(request, maxRequestBytes, reservation, onWireBytes, format.ownEncoding);
      const otlp = encodeRequest(signal, format.toOtlp(body, mediaType, maxRequestBytes), body.length * 2);
      await intake.accept(transport, signal, otlp);
      response.writeHead(format.acceptedStatus).end();
    } catch (error) {
      const refusal = intake.refuse(transport, signal, sender.name, error);
      if (response.destroyed) return;
      prepareRefusal(request, response, refusal, intake);
      response.status(refusal.httpStatus).type("text/plain").send(refusal.message);
    } finally {
      reservation.release();
    }
  };
}

/** A JSON body. @throws {Refusal} malformed */
export function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch (error) {
    throw new Refusal("malformed", "The body is not JSON.", error);
  }
}

/** An attribute with a text, in OTLP/JSON's form. */
export function textAttribute(key: string, stringValue: string): object {
  return { key, value: { stringValue } };
}
