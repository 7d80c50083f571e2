import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { OPERATIONS } from "../src/api/openapi/operations.js";
import { type CollectorProcess, startProcess } from "./process.js";

let collector: CollectorProcess;

beforeAll(async () => {
  collector = await startProcess();
});

afterAll(async () => {
  expect(await collector.stop()).toBe(0);
});

test("every port is a free one, and is told", () => {
  const ports = [collector.port, collector.otlpHttpPort];
  expect(new Set(ports).size).toBe(2);
  for (const port of ports) expect(port).toBeGreaterThan(1023);
});

test("health, readiness and own metrics answer", async () => {
  expect((await fetch(`${collector.url}/healthz`)).status).toBe(200);
  expect(await (await fetch(`${collector.url}/readyz`)).json()).toEqual({ status: "ready", reasons: [] });
  expect(await (await fetch(`${collector.url}/metrics`)).text()).toContain("process_cpu_seconds_total");
});

test("OTLP that comes to the page's port is told where to go", async () => {
  const response = await fetch(`${collector.url}/v1/traces`, { method: "POST", body: "{}" });
  expect(response.status).toBe(404);
  expect(await response.json()).toEqual({
    code: 5,
    message: `This is the page's port; OTLP/HTTP is received at http://localhost:${collector.otlpHttpPort}/v1/traces.`,
  });
  const status = (await (await fetch(`${collector.url}/api/v1/status`)).json()) as {
    wrongDoor: { count: number };
  };
  expect(status.wrongDoor.count).toBe(1);
});

test("a web site's requests are refused", async () => {
  const response = await fetch(`${collector.url}/api/v1/status`, {
    headers: { origin: "https://evil.example" },
  });
  expect(response.status).toBe(403);
});

test.each([
  ["evil.example", 403],
  ["localhost", 200],
  ["10.1.2.3", 200],
  ["[fd00::1]", 200],
])("a request for the host %s is answered %i", async (host, status) => {
  const got = await new Promise<number | undefined>((resolve, reject) => {
    get({ port: collector.port, path: "/healthz", headers: { host: `${host}:4319` } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on("error", reject);
  });
  expect(got).toBe(status);
});

test("an unknown path of an API says so in JSON", async () => {
  const response = await fetch(`${collector.url}/api/v1/nothing`);
  expect(response.status).toBe(404);
  expect(await response.json()).toEqual({
    error: "There is nothing at GET /api/v1/nothing. See /api/v1/openapi.json.",
  });
});

test("a reload takes a good configuration and refuses a bad one with its faults", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tocsin-reload-"));
  const file = join(folder, "tocsin.yaml");
  const slo = (name: string) =>
    `slos: [{ name: ${name}, service: shop, objective: 99%, window: 30d, sli: { type: availability } }]\n`;
  await writeFile(file, slo("first"));
  const other = await startProcess({ args: ["--config", file] });
  try {
    const names = async () =>
      ((await (await fetch(`${other.url}/api/v1/slos`)).json()) as { name: string }[]).map(
        ({ name }) => name,
      );
    expect(await names()).toEqual(["first"]);
    await writeFile(file, slo("second"));
    expect((await fetch(`${other.url}/api/v1/reload`, { method: "POST" })).status).toBe(200);
    expect(await names()).toEqual(["second"]);
    await writeFile(file, slo("third").replace("99%", "101%"));
    const refused = await fetch(`${other.url}/api/v1/reload`, { method: "POST" });
    expect(refused.status).toBe(400);
    expect(await refused.text()).toContain("tocsin.yaml:1:49");
    expect(await names()).toEqual(["second"]);
  } finally {
    await other.stop();
    await rm(folder, { recursive: true });
  }
});

test("what is read from the API has the shape that its description gives", async () => {
  const plain = OPERATIONS.filter(
    ({ method, path, type }) => method === "get" && !path.includes("{") && !type,
  );
  for (const { path, answer } of plain) {
    const response = await fetch(`${collector.url}/api/v1${path}`);
    expect(response.status, path).toBe(200);
    expect(answer.safeParse(await response.json()).error, path).toBeUndefined();
  }
});
