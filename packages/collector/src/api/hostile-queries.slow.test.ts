/** Whatever users write into filters is data: it finds what is called so, and never becomes SQL. */
import { ManualClock } from "@tocsin/model/testing";
import { createMatcher } from "@tocsin/promql";
import express from "express";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ServedApp, serveApp } from "../../test/serve-app.js";
import { type EmbeddedStore, hasEngine, openEmbeddedStore } from "../../test/store/embedded-store.js";
import { batch, logsRequest, record, spanId, traceId, tracesRequest } from "../../test/store/requests.js";
import type { Store } from "../store/store.js";
import { jaegerRoutes } from "./jaeger.js";
import { logsRoutes } from "./logs.js";
import { tracesRoutes } from "./traces.js";

// The engine removes what is too old by the real clock.
const NOW_MS = Math.floor(Date.now() / 60_000) * 60_000;

const HOSTILE = [
  "' OR 1=1 --",
  "\\' OR 1=1 --",
  "\\",
  "\\\\'",
  "'; DROP TABLE otel_traces; --",
  "') UNION ALL SELECT * FROM file('/etc/passwd') --",
  "{p0:String}",
  "{x:Identifier}",
  "` \" ' /* */ ; \t \r \n \0",
  "\\N",
  "%_*?[a-z]",
  "ä€😀",
  "constructor",
  "__proto__",
];

const TRACE_PARAMETERS = ["service", "operation", "route", "attribute"];
const LOG_PARAMETERS = ["service", "trace_id", "span_id", "attribute", "q"];

describe.skipIf(!hasEngine())("hostile queries", () => {
  let embedded: EmbeddedStore;
  let store: Store;
  let served: ServedApp;
  let url: string;

  beforeAll(async () => {
    const clock = new ManualClock(NOW_MS + 1_000);
    embedded = await openEmbeddedStore({ clock });
    ({ store } = embedded);
    const spans = HOSTILE.map((text, n) => ({
      service: text,
      name: text,
      trace: traceId(n),
      id: spanId(1),
      startMs: NOW_MS - n,
      durationMs: 1,
      attributes: { "http.route": text, [text]: text },
    }));
    const logs = HOSTILE.map((text, n) => ({
      service: text,
      body: text,
      timeMs: NOW_MS - n,
      attributes: { [text]: text },
    }));
    await store.writer.write(
      batch("hostile", [
        record("traces", tracesRequest(spans), NOW_MS),
        record("logs", logsRequest(logs), NOW_MS),
      ]),
    );
    const app = express();
    const deps = { store, clock };
    app.use("/api/v1", tracesRoutes(deps), logsRoutes(deps));
    app.use("/jaeger", jaegerRoutes(deps));
    served = await serveApp(app);
    ({ url } = served);
  }, 60_000);

  afterAll(async () => {
    await served?.close();
    await embedded?.close();
  });

  // biome-ignore lint/suspicious/noExplicitAny: the tests look into free-form JSON.
  const ask = async (path: string, query: Record<string, string>): Promise<{ status: number; body: any }> => {
    const response = await fetch(`${url}${path}?${new URLSearchParams(query)}`);
    return { status: response.status, body: await response.json() };
  };

  test.each(HOSTILE.map((text, index) => ({ text, index })))(
    "$text finds what is called so",
    async ({ text, index }) => {
      const attribute = `${text}=${text}`;
      for (const name of ["service", "operation", "route"]) {
        const { status, body } = await ask("/api/v1/traces", { [name]: text });
        expect([status, body.traces.map((trace: { traceId: string }) => trace.traceId)]).toEqual([
          200,
          [traceId(index)],
        ]);
      }
      // A name with "=" in it cannot be told from its value; such a query finds nothing, and does no harm.
      const found = text.includes("=") ? 0 : 1;
      expect((await ask("/api/v1/traces", { attribute })).body.traces).toHaveLength(found);
      expect((await ask("/api/v1/logs", { attribute })).body.logs).toHaveLength(found);
      expect((await ask("/api/v1/logs", { service: text })).body.logs).toHaveLength(1);
      expect((await ask("/api/v1/traces/summary", { by: text, service: text })).status).toBe(200);
      const jaeger = await ask("/jaeger/api/traces", {
        service: text,
        operation: text,
        tags: JSON.stringify({ [text]: text }),
      });
      expect([jaeger.status, jaeger.body.data?.length]).toEqual([200, 1]);
      const operations = await ask(`/jaeger/api/services/${encodeURIComponent(text)}/operations`, {});
      expect(operations.body.data).toEqual([text]);
      const selected = await store.history.select([createMatcher("job", "=", text)], {
        startMs: NOW_MS - 1,
        endMs: NOW_MS,
      });
      expect(selected).toEqual([]);
      expect(
        await store.history.labelValues(text, [createMatcher("job", "!=", text)], NOW_MS - 1, NOW_MS),
      ).toEqual([]);
    },
  );

  test("no parameter of any path makes the engine refuse its statement", async () => {
    for (const text of HOSTILE.slice(0, 5)) {
      for (const name of TRACE_PARAMETERS)
        expect((await ask("/api/v1/traces", { [name]: text })).status).toBe(200);
      for (const name of LOG_PARAMETERS)
        expect((await ask("/api/v1/logs", { [name]: text })).status).toBe(200);
      for (const name of ["min_duration", "start", "end", "since", "limit", "cursor", "status", "severity"]) {
        expect((await ask("/api/v1/traces", { [name]: text })).status, `${name}=${text}`).toBe(400);
      }
      for (const path of ["/api/v1/traces/", "/jaeger/api/traces/"])
        expect((await ask(path + encodeURIComponent(text), {})).status).toBe(404);
    }
  });

  test.each([
    ["/api/v1/traces", { start: "99999999999999999999" }],
    ["/api/v1/traces", { end: "9999999999999" }],
    ["/api/v1/traces", { start: "-1" }],
    ["/api/v1/traces", { min_duration: "99999999999999h" }],
    ["/api/v1/traces", { cursor: "9999999999999999999-ff" }],
    ["/api/v1/traces", { cursor: "1790000000000000000-ff-99999999999999" }],
    ["/api/v1/logs", { cursor: "9999999999999999999-ffffffffffffffff1" }],
    ["/jaeger/api/traces", { service: "s", start: "1e300" }],
    ["/jaeger/api/traces", { service: "s", minDuration: "1e300s" }],
    ["/jaeger/api/dependencies", { endTs: "1e300" }],
  ])("%s with %o is refused before the engine sees it", async (path, query) => {
    expect((await ask(path, query as Record<string, string>)).status).toBe(400);
  });

  test.each([
    ["/api/v1/traces", { since: "1000y" }],
    ["/api/v1/logs", { since: "1000y" }],
    ["/jaeger/api/traces", { service: "\\", lookback: "1000y" }],
    ["/jaeger/api/dependencies", { endTs: "1", lookback: "1e300" }],
  ])("%s with %o reaches back to the beginning", async (path, query) => {
    expect((await ask(path, query as Record<string, string>)).status).toBe(200);
  });

  test("all tables are still there", async () => {
    const { tables } = (await store.status()).disk!;
    expect(tables.find(({ table }) => table === "otel_traces")?.rows).toBe(HOSTILE.length);
    expect(tables.find(({ table }) => table === "otel_logs")?.rows).toBe(HOSTILE.length);
  });
});
