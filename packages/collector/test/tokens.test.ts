// Tokens for writing, reading and acting, each at every door of a real collector.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type CollectorProcess, startProcess } from "./process.js";

let folder: string;
let collector: CollectorProcess;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tocsin-tokens-"));
  const file = join(folder, "tocsin.yaml");
  await writeFile(join(folder, "actor"), "token-of-actor\n");
  await writeFile(
    file,
    JSON.stringify({
      store: "none",
      auth: {
        tokens: [
          { name: "writer", token: "${WRITER}", can: ["write"] },
          { name: "reader", token: "token-of-reader", can: ["read"] },
          { name: "actor", token_file: join(folder, "actor"), can: ["act"] },
        ],
      },
    }),
  );
  collector = await startProcess({ args: ["--config", file], env: { WRITER: "token-of-writer" } });
});

afterAll(async () => {
  await collector.stop();
  await rm(folder, { recursive: true, force: true });
});

const headersOf = (token: string | undefined): Record<string, string> =>
  token === undefined ? {} : { authorization: `Bearer token-of-${token}` };

const page =
  (path: string, init: RequestInit = {}) =>
  async (token: string | undefined) =>
    (
      await fetch(collector.url + path, {
        ...init,
        headers: { "content-type": "application/json", ...headersOf(token) },
      })
    ).status;

const sent = (path: string, body: string) => async (token: string | undefined) =>
  (
    await fetch(`http://127.0.0.1:${collector.otlpHttpPort}${path}`, {
      method: "POST",
      body,
      headers: { "content-type": "application/json", ...headersOf(token) },
    })
  ).status;

function overGrpc(token: string | undefined): Promise<number> {
  const same = (bytes: Buffer): Buffer => bytes;
  const client = new Client(`127.0.0.1:${collector.otlpGrpcPort}`, credentials.createInsecure());
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headersOf(token))) metadata.set(name, value);
  const path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
  return new Promise((resolve) => {
    client.makeUnaryRequest(path, same, same, Buffer.alloc(0), metadata, (error: ServiceError | null) => {
      client.close();
      resolve(error?.code ?? 0);
    });
  });
}

const now = Date.now();
const silence = JSON.stringify({
  matchers: [{ name: "service", value: "x", isRegex: false }],
  startsAt: new Date(now).toISOString(),
  endsAt: new Date(now + 60_000).toISOString(),
  createdBy: "test",
  comment: "a test",
});

test.each([
  { door: "OTLP/HTTP", ask: sent("/v1/traces", "{}"), writer: 200, others: 403, nobody: 401 },
  { door: "Zipkin", ask: sent("/api/v2/spans", "[]"), writer: 202, others: 403, nobody: 401 },
  { door: "Loki", ask: sent("/loki/api/v1/push", '{"streams":[]}'), writer: 204, others: 403, nobody: 401 },
  { door: "OTLP/gRPC", ask: overGrpc, writer: 0, others: 7, nobody: 16 },
])("$door takes the token for writing and no other", async ({ ask, writer, others, nobody }) => {
  expect(await Promise.all(["writer", "reader", "actor", "stranger", undefined].map(ask))).toEqual([
    writer,
    others,
    others,
    nobody,
    nobody,
  ]);
});

test("remote write takes the token for writing and no other", async () => {
  const ask = page("/prometheus/api/v1/write", { method: "POST", body: "not snappy" });
  // 415: it was let in, and then found to be no remote write.
  expect(await Promise.all(["writer", "reader", "actor", undefined].map(ask))).toEqual([415, 403, 403, 401]);
});

test.each([
  "/api/v1/services",
  "/api/v1/status",
  "/prometheus/api/v1/query?query=1",
  "/alertmanager/api/v2/alerts",
])("%s is read with the token for reading and no other", async (path) => {
  expect(await Promise.all(["reader", "writer", "actor", undefined].map(page(path)))).toEqual([
    200, 403, 403, 401,
  ]);
});

test.each([
  { path: "/api/v1/reload", body: "" },
  { path: "/alertmanager/api/v2/silences", body: silence },
])("$path acts with the token for acting and no other", async ({ path, body }) => {
  const ask = page(path, { method: "POST", body });
  expect(await Promise.all(["actor", "writer", "reader", undefined].map(ask))).toEqual([200, 403, 403, 401]);
});

test("who is refused is told which word is missing, and the log never names a token", async () => {
  const response = await fetch(`${collector.url}/api/v1/services`, { headers: headersOf("writer") });
  expect(await response.json()).toEqual({
    error: 'The token "writer" does not allow "read". Add it to `auth.tokens[].can`.',
  });
  expect(collector.log()).not.toContain("token-of-");
});
