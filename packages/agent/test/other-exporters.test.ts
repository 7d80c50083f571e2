import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { afterEach, expect, test } from "vitest";
import { freePort } from "./support/debian.js";
import { attributesOf, decodeRequest } from "./support/otlp-schema.js";
import { Service } from "./support/service.js";

// biome-ignore lint/suspicious/noExplicitAny: a decoded message is as the wire has it.
type Json = any;

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** What came, by signal, and a promise for both signals having come. */
class Received {
  readonly bodies: { signal: string; body: Json; contentType: string }[] = [];
  private wake = (): void => {};

  add(signal: string, body: Json, contentType = ""): void {
    this.bodies.push({ signal, body, contentType });
    this.wake();
  }

  async until(look: () => boolean): Promise<void> {
    while (!look())
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
  }
}

const spanNames = ({ bodies }: Received): string[] =>
  bodies
    .filter(({ signal }) => signal === "traces")
    .flatMap(({ body }) => body.resourceSpans)
    .flatMap(({ scopeSpans }) => scopeSpans)
    .flatMap(({ spans }) => spans)
    .map(({ name }) => name);

const metricNames = ({ bodies }: Received): string[] =>
  bodies
    .filter(({ signal }) => signal === "metrics")
    .flatMap(({ body }) => body.resourceMetrics)
    .flatMap(({ scopeMetrics }) => scopeMetrics)
    .flatMap(({ metrics }) => metrics)
    .map(({ name }) => name);

const serviceNames = ({ bodies }: Received): Set<unknown> =>
  new Set(
    bodies
      .flatMap(({ body }) => body.resourceSpans ?? body.resourceMetrics)
      .map(({ resource }) => attributesOf(resource.attributes)["service.name"]),
  );

async function serveOneRequest(endpoint: string, protocol: string, received: Received): Promise<void> {
  const service = new Service("express-app.cjs", "http://127.0.0.1:9", {
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
      OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
      OTEL_SERVICE_NAME: protocol,
    },
  });
  try {
    await fetch(`${await service.listening()}/orders/7`);
    await received.until(
      () =>
        spanNames(received).includes("GET /orders/:id") &&
        metricNames(received).includes("http.server.request.duration"),
    );
  } finally {
    await service.stop();
  }
  expect(spanNames(received).sort()).toEqual(["GET", "GET /orders/:id", "GET /stock"]);
  expect(metricNames(received)).toContain("process.memory.usage");
  expect(serviceNames(received)).toEqual(new Set([protocol]));
}

test("OTLP as JSON over HTTP: spans and metrics are delivered", async () => {
  const received = new Received();
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const text = Buffer.concat(parts).toString();
      received.add(
        (request.url ?? "").replace("/v1/", ""),
        JSON.parse(text),
        request.headers["content-type"],
      );
      response.setHeader("content-type", "application/json");
      response.end("{}");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => new Promise((resolve) => server.close(() => resolve())));
  const { port } = server.address() as AddressInfo;
  await serveOneRequest(`http://127.0.0.1:${port}`, "http/json", received);
  server.closeAllConnections();
  expect(new Set(received.bodies.map(({ contentType }) => contentType))).toEqual(
    new Set(["application/json"]),
  );
});

test("OTLP over gRPC: spans and metrics are delivered", async () => {
  const received = new Received();
  const server = new Server();
  for (const signal of ["traces", "metrics"] as const) {
    const name = signal === "traces" ? "trace.v1.TraceService" : "metrics.v1.MetricsService";
    server.addService(
      {
        export: {
          path: `/opentelemetry.proto.collector.${name}/Export`,
          requestStream: false,
          responseStream: false,
          requestDeserialize: (bytes: Buffer) => decodeRequest(signal, bytes),
          requestSerialize: (body: Buffer) => body,
          responseSerialize: (body: Buffer) => body,
          responseDeserialize: (body: Buffer) => body,
        },
      },
      {
        export: (call: { request: Json }, done: (error: null, body: Buffer) => void) => {
          received.add(signal, call.request);
          done(null, Buffer.alloc(0));
        },
      },
    );
  }
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  closing.push(async () => server.forceShutdown());
  await serveOneRequest(`http://127.0.0.1:${port}`, "grpc", received);
});

test.each(["http/json", "grpc"])(
  "over %s to where nothing listens, a service says so and ends when it is done",
  async (protocol) => {
    const endpoint = `http://127.0.0.1:${await freePort()}`;
    const service = new Service("ends.mjs", "http://127.0.0.1:9", {
      args: ["idle"],
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: protocol },
    });
    const { code, signal } = await service.ended;
    expect([code, signal]).toEqual([0, null]);
    expect(service.stderr).toMatch(new RegExp(`cannot deliver \\w+ to ${endpoint} \\(${protocol}\\): `));
    expect(service.stderr).toContain(`sending to ${endpoint} (${protocol})`);
  },
);
