import https from "node:https";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Certificates, hasOpenssl, makeCertificates } from "../../test/certificates.js";
import { createOtlpHttpReceiver } from "./http-server.js";
import { Intake } from "./intake.js";
import { createOtlpGrpcReceiver } from "./otlp-grpc.js";
import { readTls } from "./tls.js";

const intake = new Intake({ spool: { append: async () => ({ segment: 1, offset: 0 }) } });
if (!hasOpenssl) console.warn("openssl is not installed: TLS is not tested");
let certificates: Certificates;

describe.skipIf(!hasOpenssl)("with certificates asked of senders", () => {
  beforeAll(() => {
    certificates = makeCertificates({
      authority: undefined,
      server: "authority",
      sender: "authority",
      stranger: undefined,
    });
  });

  afterAll(() => {
    certificates.remove();
    intake.close();
  });

  const tls = () =>
    readTls({
      cert_file: certificates.file("server", "pem"),
      key_file: certificates.file("server", "key"),
      client_ca_file: certificates.file("authority", "pem"),
    });

  test("HTTP takes a sender whose certificate the authority signed, and no other", async () => {
    const receiver = createOtlpHttpReceiver({ intake, tls: await tls() });
    const port = await receiver.listen({ host: "127.0.0.1", port: 0 });
    const send = (own: { cert?: Buffer; key?: Buffer }): Promise<number | string | undefined> =>
      new Promise((resolve) => {
        const headers = { "content-type": "application/json" };
        const options = {
          port,
          host: "127.0.0.1",
          method: "POST",
          path: "/v1/logs",
          headers,
          agent: false as const,
        };
        const request = https.request(
          { ...options, ca: certificates.pem("authority"), ...own },
          (response) => {
            response.resume();
            resolve(response.statusCode);
          },
        );
        request.on("error", () => resolve("refused"));
        request.end("{}");
      });
    expect(await send({ cert: certificates.pem("sender"), key: certificates.key("sender") })).toBe(200);
    expect(await send({ cert: certificates.pem("stranger"), key: certificates.key("stranger") })).toBe(401);
    expect(await send({})).toBe(401);
    await receiver.close();
  });

  test("gRPC takes a sender whose certificate the authority signed, and no other", async () => {
    const receiver = createOtlpGrpcReceiver({ intake, tls: await tls() });
    const port = await receiver.listen({ host: "127.0.0.1", port: 0 });
    const send = (key: Buffer | null, cert: Buffer | null): Promise<number> =>
      new Promise((resolve) => {
        const same = (bytes: Buffer): Buffer => bytes;
        const client = new Client(
          `localhost:${port}`,
          credentials.createSsl(certificates.pem("authority"), key, cert),
        );
        const path = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
        client.makeUnaryRequest(path, same, same, Buffer.alloc(0), new Metadata(), (error) => {
          client.close();
          resolve(error?.code ?? 0);
        });
      });
    expect(await send(certificates.key("sender"), certificates.pem("sender"))).toBe(0);
    expect(await send(null, null)).toBe(16);
    expect(await send(certificates.key("stranger"), certificates.pem("stranger"))).toBe(16);
    await receiver.close();
  });

  test("a missing file is named", async () => {
    const missing = readTls({ cert_file: "nowhere.pem", key_file: certificates.file("server", "key") });
    await expect(missing).rejects.toMatchObject({
      code: "CONFIG_UNREADABLE",
      message: expect.stringContaining("nowhere.pem"),
    });
  });
});
