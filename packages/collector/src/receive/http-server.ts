import { createServer } from "node:http";
import { type Logger, silentLogger } from "@tocsin/model";
import express, { type Router } from "express";
import type { Address } from "../api/listen.js";
import type { Intake } from "./intake.js";
import { encodingOf, otlpHttpRoutes, sendRefusal } from "./otlp-http.js";
import { createPort, type ServerTls } from "./port.js";
import { Refusal } from "./refusal.js";
import { anyoneMayWrite, senderOf, type WriteAuthorizer } from "./sender.js";

export interface HttpReceiverOptions {
  readonly intake: Intake;
  /** Default: anyone may write; for loopback only. */
  readonly authorizer?: WriteAuthorizer;
  readonly tls?: ServerTls | undefined;
  /** Where gRPC is received, for those who send it here. */
  readonly grpcPort?: () => number | undefined;
  /** Further receivers on the same port, such as Zipkin and Loki. */
  readonly routers?: readonly Router[];
  readonly logger?: Logger;
}

/** The HTTP port for telemetry. */
export interface HttpReceiver {
  /** @returns the port it got @throws {CollectorError} RECEIVE_LISTEN_FAILED */
  listen(address: Address): Promise<number>;
  /** Takes no new requests, lets those in flight finish, then closes. Callable twice. */
  close(): Promise<void>;
}

/** Milliseconds in which a request must have come in whole. */
const REQUEST_TIMEOUT_MS = 30_000;

/** OTLP/HTTP (port 4318), with any other HTTP receivers beside it. */
export function createOtlpHttpReceiver(options: HttpReceiverOptions): HttpReceiver {
  const { intake, authorizer = anyoneMayWrite, tls, routers = [], logger = silentLogger } = options;
  const { grpcPort = () => undefined } = options;
  let closing: Promise<void> | undefined;
  const app = express();
  app.disable("x-powered-by");
  app.use((request, response, next) => {
    // While stopping, a connection ends with the answer to the request that is on it.
    response.on("finish", () => {
      if (closing) request.socket.end();
    });
    next();
  });
  app.use(otlpHttpRoutes(intake, authorizer));
  for (const router of routers) app.use(router);
  app.use((request, response) => {
    const { name } = senderOf(authorizer, request.headers.authorization, request.socket.remoteAddress);
    const refusal = new Refusal(
      "not_found",
      `There is nothing at ${request.method} ${request.path}. OTLP goes to /v1/traces, /v1/metrics and /v1/logs; the page is on another port (4319).`,
    );
    intake.refuse("otlp-http", "", name, refusal);
    sendRefusal(request, response, refusal, encodingOf(request) ?? "json", intake);
  });
  const server = createServer(app);
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.headersTimeout = REQUEST_TIMEOUT_MS;
  // Senders export every few seconds and keep their connection for it.
  server.keepAliveTimeout = 75_000;
  server.on("error", (error) => logger.error({ err: error }, "OTLP/HTTP server failed"));
  // It does not listen itself, and looks after its timeouts only once it has heard that it does.
  server.emit("listening");
  const port = createPort({
    purpose: "OTLP/HTTP",
    speaks: "HTTP/1.1",
    tls,
    ...intake.limits,
    wrongPort: () =>
      `This port takes OTLP/HTTP, not gRPC. Send gRPC to port ${grpcPort() ?? 4317}, or set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf.`,
    serve: (socket) => server.emit("connection", socket),
    refuse: (sender, refusal) => intake.refuse("otlp-http", "", sender, refusal),
  });
  intake.watchConnections("otlp-http", port);
  return {
    listen: (address) => port.listen(address),
    close() {
      // Ends idle connections; those with a request end with its answer.
      if (!closing) server.close();
      closing ??= port.close();
      return closing;
    },
  };
}
