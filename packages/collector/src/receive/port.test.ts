import http from "node:http";
import { connect, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import fc from "fast-check";
import { Registry } from "prom-client";
import { afterEach, expect, test } from "vitest";
import { hasOpenssl, makeCertificates } from "../../test/certificates.js";
import { createOtlpHttpReceiver } from "./http-server.js";
import { Intake, type IntakeLimits } from "./intake.js";
import { createOtlpGrpcReceiver } from "./otlp-grpc.js";
import type { ServerTls } from "./port.js";

let closers: (() => Promise<unknown> | unknown)[] = [];

afterEach(async () => {
  for (const close of closers.reverse()) await close();
  closers = [];
});

/** Both doors, as a collector opens them. */
async function doors(limits: Partial<IntakeLimits> = {}, tls?: ServerTls) {
  const registry = new Registry();
  const intake = new Intake({
    spool: { append: async () => ({ segment: 1, offset: 0 }) },
    limits,
    registry,
  });
  const bound: { http?: number; grpc?: number } = {};
  const httpDoor = createOtlpHttpReceiver({ intake, tls, grpcPort: () => bound.grpc });
  const grpcDoor = createOtlpGrpcReceiver({ intake, tls, httpPort: () => bound.http });
  const address = { host: "127.0.0.1", port: 0 };
  const httpPort = await httpDoor.listen(address);
  const grpcPort = await grpcDoor.listen(address);
  bound.http = httpPort;
  bound.grpc = grpcPort;
  closers.push(
    () => intake.close(),
    () => Promise.all([httpDoor.close(), grpcDoor.close()]),
  );
  const refused = async () =>
    (await registry.getSingleMetricAsString("tocsin_receive_refused_requests_total"))
      .split("\n")
      .filter((line) => line.startsWith("tocsin"));
  return { intake, registry, refused, httpPort, grpcPort };
}

const EXPORT = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

/** An empty export over gRPC; the status's code and message. */
function exportOverGrpc(port: number, own = credentials.createInsecure()): Promise<[number, string]> {
  const same = (bytes: Buffer): Buffer => bytes;
  const client = new Client(`localhost:${port}`, own);
  closers.push(() => client.close());
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      EXPORT,
      same,
      same,
      Buffer.alloc(0),
      new Metadata(),
      (error: ServiceError | null) => resolve([error?.code ?? 0, error?.details ?? ""]),
    );
  });
}

function post(port: number, type = "application/json"): Promise<Response> {
  const body = type === "application/json" ? "{}" : new Uint8Array();
  const headers = { "content-type": type, connection: "close" };
  return fetch(`http://127.0.0.1:${port}/v1/logs`, { method: "POST", body, headers });
}

function rawConnection(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => resolve(socket)).on("error", reject);
    closers.push(() => socket.destroy());
  });
}

const ended = (socket: Socket): Promise<string> =>
  new Promise((resolve) => {
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
    });
    socket.on("close", () => resolve(text));
  });

test("gRPC that comes to the HTTP port is told where to go, and who sent it is named", async () => {
  const { intake, httpPort, grpcPort, refused } = await doors();
  expect(await exportOverGrpc(httpPort)).toEqual([
    12,
    `This port takes OTLP/HTTP, not gRPC. Send gRPC to port ${grpcPort}, or set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf.`,
  ]);
  expect(intake.refusedSenders()).toMatchObject([{ sender: "127.0.0.1", reason: "wrong_port", count: 1 }]);
  expect(await refused()).toEqual([
    'tocsin_receive_refused_requests_total{transport="otlp-http",reason="wrong_port"} 1',
  ]);
  // The port serves who comes rightly, as before.
  expect((await post(httpPort)).status).toBe(200);
});

test("HTTP that comes to the gRPC port is told where to go, in the encoding of its request", async () => {
  const { intake, httpPort, grpcPort } = await doors();
  const message = `This port takes OTLP/gRPC, not HTTP/1.1. Send OTLP/HTTP to port ${httpPort}, or set OTEL_EXPORTER_OTLP_PROTOCOL=grpc.`;
  const json = await post(grpcPort);
  expect([json.status, await json.json()]).toEqual([404, { code: 12, message }]);
  const protobuf = await post(grpcPort, "application/x-protobuf");
  expect(protobuf.headers.get("content-type")).toBe("application/x-protobuf");
  expect(Buffer.from(await protobuf.arrayBuffer()).toString("utf8", 4)).toBe(message);
  expect(intake.refusedSenders()).toMatchObject([{ sender: "127.0.0.1", reason: "wrong_port", count: 2 }]);
  expect(await exportOverGrpc(grpcPort)).toEqual([0, ""]);
});

test("a large body at the wrong port does not hide the answer", async () => {
  const { grpcPort } = await doors();
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const request = http.request({ port: grpcPort, method: "POST", path: "/v1/logs", agent: false });
    request.on("response", (response) => resolve(response.resume().statusCode)).on("error", reject);
    request.end(Buffer.alloc(4 << 20));
  });
  expect(status).toBe(404);
});

test.each([
  { name: "in all", limits: { maxConnections: 1 }, status: 503, code: 14, reason: "connections" },
  {
    name: "of one sender",
    limits: { maxConnectionsPerSender: 1 },
    status: 429,
    code: 14,
    reason: "sender_connections",
  },
])(
  "connections beyond the limit $name are told so, and counted",
  async ({ limits, status, code, reason }) => {
    const { httpPort, grpcPort, refused, registry } = await doors(limits);
    const [first, second] = [await rawConnection(httpPort), await rawConnection(grpcPort)];
    const response = await post(httpPort);
    expect([response.status, response.headers.get("retry-after")]).toEqual([status, "1"]);
    expect(((await response.json()) as { message: string }).message).toContain(
      reason === "connections" ? "limits.max_connections" : "limits.max_connections_per_sender",
    );
    expect((await exportOverGrpc(grpcPort))[0]).toBe(code);
    expect(await registry.getSingleMetricAsString("tocsin_receive_connections")).toContain(
      '{transport="otlp-http"} 1',
    );
    expect(await refused()).toEqual([
      `tocsin_receive_refused_requests_total{transport="otlp-http",reason="${reason}"} 1`,
      `tocsin_receive_refused_requests_total{transport="otlp-grpc",reason="${reason}"} 1`,
    ]);
    first.destroy();
    second.destroy();
    await expect.poll(async () => (await post(httpPort)).status).toBe(200);
  },
);

test("first bytes may come one by one", async () => {
  const { httpPort } = await doors();
  const socket = await rawConnection(httpPort);
  const answer = ended(socket);
  socket.setNoDelay(true);
  for (const byte of "POST /v1/logs HTTP/1.1\r\nhost: x\r\n") {
    socket.write(byte);
    await new Promise((resolve) => setImmediate(resolve));
  }
  socket.write("content-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}");
  expect(await answer).toMatch(/^HTTP\/1.1 200 /);
});

test("what is neither is answered, and a sender that breaks off harms nobody", async () => {
  const { httpPort, grpcPort } = await doors();
  for (const port of [httpPort, grpcPort]) {
    const garbage = await rawConnection(port);
    garbage.end(Buffer.from([0, 1, 2, 3, 4, 5, 13, 10, 13, 10]));
    expect(await ended(garbage)).toMatch(/^HTTP\/1.1 4/);
    const short = await rawConnection(port);
    short.write("P");
    short.resetAndDestroy();
  }
  expect((await post(httpPort)).status).toBe(200);
});

test("whatever comes first on a connection, the doors stay open", async () => {
  const { httpPort, grpcPort } = await doors();
  const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  const beginnings = [
    Buffer.alloc(0),
    preface,
    preface.subarray(0, 10),
    Buffer.from("POST /v1/logs HTTP/1.1\r\n"),
    Buffer.from([22, 3, 1]),
  ];
  const send = async (bytes: Uint8Array): Promise<void> => {
    for (const port of [httpPort, grpcPort]) {
      const socket = await rawConnection(port);
      const done = ended(socket.on("error", () => {}));
      socket.end(bytes);
      socket.setTimeout(50, () => socket.destroy());
      await done;
    }
  };
  const bytes = fc
    .tuple(fc.constantFrom(...beginnings), fc.uint8Array({ maxLength: 64 }))
    .map(([beginning, rest]) => Buffer.concat([beginning, rest]));
  await fc.assert(fc.asyncProperty(bytes, send), { numRuns: 60 });
  expect((await post(httpPort)).status).toBe(200);
  expect(await exportOverGrpc(grpcPort)).toEqual([0, ""]);
});

test("closing does not wait for who has said nothing yet", async () => {
  const { httpPort, grpcPort } = await doors();
  const silent = await Promise.all([rawConnection(httpPort), rawConnection(grpcPort)]);
  const closed = Promise.all(silent.map(ended));
  await closers[1]?.();
  expect(await closed).toEqual(["", ""]);
});

test.skipIf(!hasOpenssl)("TLS where there is none, and none where it is wanted, are named", async () => {
  const certificates = makeCertificates({ authority: undefined, server: "authority", stranger: undefined });
  closers.push(() => certificates.remove());
  const tls = {
    cert: certificates.pem("server"),
    key: certificates.key("server"),
    ca: certificates.pem("authority"),
  };
  const guarded = await doors({}, tls);
  const plain = await post(guarded.httpPort);
  expect([plain.status, await plain.json()]).toEqual([
    400,
    { code: 9, message: "This OTLP/HTTP port wants TLS: write https://." },
  ]);
  expect(await exportOverGrpc(guarded.grpcPort)).toEqual([
    9,
    "This OTLP/gRPC port wants TLS: write https://.",
  ]);
  const ca = certificates.pem("authority");
  expect(await exportOverGrpc(guarded.grpcPort, credentials.createSsl(ca))).toEqual([
    16,
    "This port asks for a client certificate, and you showed none. It must be signed by the authority in tls.client_ca_file.",
  ]);
  const stranger = credentials.createSsl(ca, certificates.key("stranger"), certificates.pem("stranger"));
  const [code, message] = await exportOverGrpc(guarded.grpcPort, stranger);
  expect(code).toBe(16);
  expect(message).toContain("Your certificate is not accepted (DEPTH_ZERO_SELF_SIGNED_CERT)");
  // A gRPC client at the HTTP port, under TLS.
  const misled = credentials.createSsl(ca, certificates.key("server"), certificates.pem("server"));
  expect((await exportOverGrpc(guarded.httpPort, misled))[1]).toContain(
    `Send gRPC to port ${guarded.grpcPort}`,
  );

  const open = await doors();
  await new Promise<void>((resolve) => {
    connectTls({ port: open.httpPort, host: "127.0.0.1", rejectUnauthorized: false }).on("error", () =>
      resolve(),
    );
  });
  expect(open.intake.refusedSenders()).toMatchObject([
    { reason: "tls", message: "This OTLP/HTTP port speaks no TLS: write http://." },
  ]);
});

test.skipIf(!hasOpenssl)(
  "a sender without a certificate does not get in by taking up its TLS session",
  async () => {
    const certificates = makeCertificates({ authority: undefined, server: "authority" });
    closers.push(() => certificates.remove());
    const ca = certificates.pem("authority");
    const { httpPort, intake } = await doors(
      {},
      { cert: certificates.pem("server"), key: certificates.key("server"), ca },
    );
    const sessions: Buffer[] = [];
    for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
      const send = (session?: Buffer): Promise<string> =>
        new Promise((resolve, reject) => {
          const options = { port: httpPort, host: "localhost", ca, maxVersion, ...(session && { session }) };
          const socket: TLSSocket = connectTls(options, () => {
            socket.end("POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n");
          });
          socket.on("session", (made) => sessions.push(made)).on("error", reject);
          ended(socket).then((text) => resolve(text.slice(0, 12)), reject);
        });
      expect(await send()).toBe("HTTP/1.1 401");
      for (const session of [...sessions]) expect(await send(session)).toBe("HTTP/1.1 401");
    }
    expect(intake.refusedSenders().map(({ reason }) => reason)).toEqual(["certificate"]);
  },
);
