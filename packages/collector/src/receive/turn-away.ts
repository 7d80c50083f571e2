import { performServerHandshake } from "node:http2";
import type { Socket } from "node:net";
import { statusBody } from "./answer.js";
import type { Protocol } from "./port.js";
import type { Refusal } from "./refusal.js";

/** How long an answered connection may go on before it is cut off. */
const LINGER_MS = 1_000;
/** A gRPC client keeps its connection and tries again on it; one that does not is let go. */
const IDLE_MS = 60_000;

/**
 * Answers whatever is asked on a connection with a refusal, in the protocol that the sender speaks.
 *
 * @param head the first bytes, which are still to be read from the socket
 * @param refuse counts one refused request
 */
export function turnAway(socket: Socket, protocol: Protocol, head: Buffer, refuse: () => Refusal): void {
  if (protocol === "HTTP/1.1") answerHttp(socket, head, refuse());
  else answerGrpc(socket, refuse);
}

function answerHttp(socket: Socket, head: Buffer, refusal: Refusal): void {
  // The rest of the headers may not be here yet; a Status in JSON can be read by people at least.
  const isProtobuf = /\r\ncontent-type:\s*application\/(x-)?protobuf/i.test(head.toString("latin1"));
  const encoding = isProtobuf ? "protobuf" : "json";
  const body = statusBody(encoding, refusal.rpcCode, refusal.message);
  const headers = [
    `HTTP/1.1 ${refusal.httpStatus} Refused`,
    `Content-Type: ${isProtobuf ? "application/x-protobuf" : "application/json"}`,
    `Content-Length: ${body.length}`,
    ...(refusal.retryable ? ["Retry-After: 1"] : []),
    "Connection: close",
  ];
  socket.end(Buffer.concat([Buffer.from(`${headers.join("\r\n")}\r\n\r\n`), body]));
  // What is still being sent is read and thrown away: an answer to a sender that is cut off while it writes is lost.
  socket.resume();
  socket.setTimeout(LINGER_MS, () => socket.destroy());
}

function answerGrpc(socket: Socket, refuse: () => Refusal): void {
  const session = performServerHandshake(socket);
  session.on("error", () => session.destroy());
  session.setTimeout(IDLE_MS, () => session.close());
  session.on("stream", (stream) => {
    const refusal = refuse();
    stream.on("error", () => {
      // The sender did not wait for its answer.
    });
    stream.respond(
      {
        ":status": 200,
        "content-type": "application/grpc",
        "grpc-status": String(refusal.rpcCode),
        "grpc-message": encodeURI(refusal.message),
      },
      { endStream: true },
    );
    stream.resume();
  });
}
