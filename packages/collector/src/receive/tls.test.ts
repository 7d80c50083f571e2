import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import https from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createOtlpHttpReceiver } from "./http-server.js";
import { Intake } from "./intake.js";
import { createOtlpGrpcReceiver } from "./otlp-grpc.js";
import { readTls } from "./tls.js";

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;
if (!hasOpenssl) console.warn("openssl is not installed: TLS is not tested");

const intake = new Intake({ spool: { append: async () => ({ segment: 1, offset: 0 }) } });
let dir: string;

/** A key and a certificate for localhost, signed by `ca` or by itself. */
function certificate(name: string, ca?: string): void {
  const file = (kind: string) => join(dir, `${name}.${kind}`);
  const run = (...args: string[]) => {
    const { status, stderr } = spawnSync("openssl", args, { encoding: "utf8" });
    if (status !== 0) throw new Error(stderr);
  };
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", file("key")];
  const subject = ["-subj", `/CN=${name}`, "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  const signer = ca ? ["-CA", join(dir, `${ca}.pem`), "-CAkey", join(dir, `${ca}.key`)] : [];
  run("req", "-x509", ...key, ...subject, ...signer, "-days", "2", "-out", file("pem"));
}

describe.skipIf(!hasOpenssl)("with certificates asked of senders", () => {
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), "tocsin-tls-"));
    certificate("authority");
    certificate("server", "authority");
    certificate("sender", "authority");
    certificate("stranger");
  });

  afterAll(() => {
    rmSync(dir, { recursive: true, force: true });
    intake.close();
  });

  const pem = (name: string) => readFileSync(join(dir, name));
  const tls = () =>
    readTls({
      cert_file: join(dir, "server.pem"),
      key_file: join(dir, "server.key"),
      client_ca_file: join(dir, "authority.pem"),
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
        const request = https.request({ ...options, ca: pem("authority.pem"), ...own }, (response) => {
          response.resume();
          resolve(response.statusCode);
        });
        request.on("error", () => resolve("refused"));
        request.end("{}");
      });
    expect(await send({ cert: pem("sender.pem"), key: pem("sender.key") })).toBe(200);
    expect(await send({ cert: pem("stranger.pem"), key: pem("stranger.key") })).toBe("refused");
    expect(await send({})).toBe("refused");
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
          credentials.createSsl(pem("authority.pem"), key, cert),
        );
        const path = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
        client.makeUnaryRequest(path, same, same, Buffer.alloc(0), new Metadata(), (error) => {
          client.close();
          resolve(error?.code ?? 0);
        });
      });
    expect(await send(pem("sender.key"), pem("sender.pem"))).toBe(0);
    expect(await send(null, null)).toBe(14);
    await receiver.close();
  });

  test("a missing file is named", async () => {
    const missing = readTls({ cert_file: join(dir, "nowhere.pem"), key_file: join(dir, "server.key") });
    await expect(missing).rejects.toMatchObject({
      code: "CONFIG_UNREADABLE",
      message: expect.stringContaining("nowhere.pem"),
    });
  });
});
