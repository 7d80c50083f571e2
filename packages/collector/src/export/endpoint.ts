import type { Mask } from "@tocsin/model/config";
import type { OtlpSignal } from "../otlp/columns.js";
import { WireReader } from "../otlp/wire.js";
import type { Outcome } from "./outcome.js";
import type { ClientTls } from "./tls.js";

/** One place that OTLP is sent to. */
export interface Endpoint {
  /** For logs and status, without credentials. */
  readonly name: string;
  /** Sends one protobuf request. Never throws: a network error is an outcome like any other. */
  send(signal: OtlpSignal, body: Buffer, signalAbort: AbortSignal): Promise<Outcome>;
  close(): void;
}

export interface EndpointOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly compression?: "gzip" | "none";
  readonly timeoutMs?: number;
  readonly tls?: ClientTls | undefined;
  /** Hides what was secret in a request: some endpoints say in their answers what they were sent. */
  readonly mask?: Mask;
}

/** `rejected_…` and `error_message` of an Export…ServiceResponse. */
export function readPartialSuccess(body: Buffer): { rejectedItems: number; message: string } {
  let rejectedItems = 0;
  let message = "";
  try {
    const reader = new WireReader(body);
    while (reader.pos < body.length) {
      const tag = reader.tag(body.length);
      if (tag !== 10) {
        reader.skip(tag, body.length);
        continue;
      }
      const end = reader.stop(body.length);
      while (reader.pos < end) {
        const inner = reader.tag(end);
        if (inner === 8) rejectedItems = reader.varint64();
        else if (inner === 18) {
          const stop = reader.stop(end);
          message = body.toString("utf8", reader.pos, stop);
          reader.pos = stop;
        } else reader.skip(inner, end);
      }
    }
  } catch {
    // The endpoint took the request; that its answer cannot be read changes nothing about it.
  }
  return { rejectedItems, message };
}

/** The message of a google.rpc.Status; undefined when the body is none. */
export function readStatusMessage(body: Buffer): string | undefined {
  let message: string | undefined;
  try {
    const reader = new WireReader(body);
    while (reader.pos < body.length) {
      const tag = reader.tag(body.length);
      if (tag !== 18) {
        reader.skip(tag, body.length);
        continue;
      }
      const stop = reader.stop(body.length);
      message = body.toString("utf8", reader.pos, stop);
      reader.pos = stop;
    }
  } catch {
    return undefined;
  }
  return message;
}

/** The address without user, password and query. */
export function printableUrl(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname === "/" ? "" : url.pathname}`;
}
