import { afterAll, beforeAll, expect, test } from "vitest";
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

test("an unknown path of an API says so in JSON", async () => {
  const response = await fetch(`${collector.url}/api/v1/nothing`);
  expect(response.status).toBe(404);
  expect(await response.json()).toEqual({
    error: "There is nothing at GET /api/v1/nothing. See /api/v1/openapi.json.",
  });
});
