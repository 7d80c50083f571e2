/** The reading APIs over HTTP, against a real store. */
import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { ManualClock } from "@tocsin/model/testing";
import express, { type Express, type Router } from "express";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runCommand } from "../../test/run-command.js";
import { type ServedApp, serveApp } from "../../test/serve-app.js";
import { type EmbeddedStore, hasEngine, openEmbeddedStore } from "../../test/store/embedded-store.js";
import { batch, logsRequest, record, spanId, traceId, tracesRequest } from "../../test/store/requests.js";
import type { Command } from "../cli/command.js";
import { logs } from "../cli/logs.js";
import { trace } from "../cli/trace.js";
import { traces } from "../cli/traces.js";
import type { StoredLog } from "../store/logs/log.js";
import type { Store } from "../store/store.js";
import { jaegerRoutes } from "./jaeger.js";
import { logsRoutes } from "./logs.js";
import { tracesRoutes } from "./traces.js";

// The engine removes what is too old by the real clock.
const NOW_MS = Math.floor(Date.now() / 60_000) * 60_000;
const PAY = traceId(1);

function appOf(mounts: Record<string, Router[]>): Express {
  const app = express();
  for (const [path, routers] of Object.entries(mounts)) for (const router of routers) app.use(path, router);
  return app;
}

describe.skipIf(!hasEngine())("reading APIs", () => {
  let embedded: EmbeddedStore;
  let store: Store;
  let served: ServedApp;
  let url: string;

  beforeAll(async () => {
    const clock = new ManualClock(NOW_MS + 1_000);
    embedded = await openEmbeddedStore({ clock });
    ({ store } = embedded);
    await store.writer.write(
      batch("shop", [
        record(
          "traces",
          tracesRequest([
            {
              service: "gateway",
              name: "POST /pay",
              trace: PAY,
              id: spanId(1),
              startMs: NOW_MS - 500,
              durationMs: 212,
            },
            {
              service: "gateway",
              name: "POST",
              trace: PAY,
              id: spanId(2),
              parent: spanId(1),
              kind: 3,
              startMs: NOW_MS - 490,
              durationMs: 200,
            },
            {
              service: "checkout",
              name: "POST /pay",
              trace: PAY,
              id: spanId(3),
              parent: spanId(2),
              startMs: NOW_MS - 480,
              durationMs: 180,
              error: "TypeError",
              attributes: { "http.route": "/pay", "http.response.status_code": 500 },
              events: [
                {
                  timeUnixNano: String(BigInt(NOW_MS - 400) * 1_000_000n),
                  name: "exception",
                  attributes: [],
                },
              ],
            },
            {
              service: "cart",
              name: "GET /cart",
              trace: traceId(2),
              id: spanId(1),
              startMs: NOW_MS - 9_000,
              durationMs: 4,
            },
          ]),
          NOW_MS,
        ),
        record(
          "logs",
          logsRequest([
            {
              service: "checkout",
              body: "payment Failed: no currency",
              timeMs: NOW_MS - 390,
              severity: 17,
              trace: PAY,
              span: spanId(3),
              attributes: { "order.id": "o-7" },
            },
            {
              service: "checkout",
              body: "payment started",
              timeMs: NOW_MS - 470,
              trace: PAY,
              span: spanId(3),
            },
            ...Array.from({ length: 30 }, (_, n) => ({
              service: "cart",
              body: `cart line ${n}`,
              // Many lines of one instant: paging must neither lose nor repeat any.
              timeMs: NOW_MS - 5_000 - Math.floor(n / 10),
            })),
          ]),
          NOW_MS,
        ),
      ]),
    );
    const deps = { store, clock };
    const mounts = { "/api/v1": [tracesRoutes(deps), logsRoutes(deps)], "/jaeger": [jaegerRoutes(deps)] };
    served = await serveApp(appOf(mounts));
    ({ url } = served);
  }, 60_000);

  afterAll(async () => {
    await served?.close();
    await embedded?.close();
  });

  // biome-ignore lint/suspicious/noExplicitAny: the tests look into free-form JSON.
  const json = async (path: string): Promise<{ status: number; body: any }> => {
    const response = await fetch(`${url}${path}`);
    return { status: response.status, body: await response.json() };
  };

  test("a trace by its id spans the services, and its logs carry the id", async () => {
    const { body } = await json(`/api/v1/traces/${PAY}`);
    expect(body.spans.map((span: { service: string }) => span.service)).toEqual([
      "gateway",
      "gateway",
      "checkout",
    ]);
    const logs = await json(`/api/v1/logs?trace_id=${PAY}`);
    expect(logs.body.logs.map((log: StoredLog) => [log.body, log.traceId, log.spanId])).toEqual([
      ["payment Failed: no currency", PAY, spanId(3)],
      ["payment started", PAY, spanId(3)],
    ]);
  });

  test("traces by filter", async () => {
    const { body } = await json(
      "/api/v1/traces?service=checkout&status=error&min_duration=100ms&attribute=http.route%3D/pay",
    );
    expect(body).toMatchObject({
      traces: [{ traceId: PAY, rootService: "gateway", rootName: "POST /pay", spanCount: 3, errorCount: 1 }],
      nextCursor: null,
    });
  });

  test.each([
    [
      "/api/v1/traces/zz",
      404,
      "The store has no span of the trace zz. It may be older than the retention, or a second too young.",
    ],
    ["/api/v1/traces?servise=a", 400, 'There is no parameter "servise". Did you mean "service"?'],
    ["/api/v1/traces?status=bad", 400, "status=bad is none of unset, ok, error."],
    [
      "/api/v1/traces?min_duration=fast",
      400,
      "min_duration=fast is not a duration. Write for instance 300ms, 1.5s or 2m.",
    ],
    ["/api/v1/traces?limit=0", 400, "limit=0 is not a number from 1 to 500."],
    [
      "/api/v1/traces?cursor=x",
      400,
      '"x" is not a cursor. Take `nextCursor` of the page before, or leave it out for the first page.',
    ],
    [
      "/api/v1/logs?severity=loud",
      400,
      "severity=loud is none of trace, debug, info, warn, error, fatal, nor a number from 1 to 24.",
    ],
    ["/api/v1/logs?start=2026-01-02&end=2026-01-01", 400, "start lies after end."],
    ["/api/v1/logs?service=a&service=b", 400, "service is given 2 times; once is enough."],
    ["/api/v1/logs?service[x]=a", 400, 'There is no parameter "service[x]". Did you mean "service"?'],
  ])("%s is answered with %i and words", async (path, status, error) => {
    expect(await json(path)).toMatchObject({ status, body: { error } });
  });

  test.each([
    ["severity=error", ["payment Failed: no currency"]],
    ["q=PAYMENT+fail", ["payment Failed: no currency"]],
    ["q=%22no+currency%22", ["payment Failed: no currency"]],
    ["q=%22currency+no%22", []],
    ["attribute=order.id%3Do-7", ["payment Failed: no currency"]],
    ["attribute=order.id", ["payment Failed: no currency"]],
    ["service=checkout&since=1m", ["payment Failed: no currency", "payment started"]],
  ])("logs by %s", async (query, want) => {
    const { body } = await json(`/api/v1/logs?${query}`);
    expect(body.logs.map((log: StoredLog) => log.body)).toEqual(want);
  });

  test("page after page gives every log line once, although many have the same time", async () => {
    const seen: string[] = [];
    let cursor = "";
    do {
      const { body } = await json(`/api/v1/logs?service=cart&limit=7${cursor && `&cursor=${cursor}`}`);
      seen.push(...body.logs.map((log: StoredLog) => log.body));
      cursor = body.nextCursor ?? "";
    } while (cursor);
    expect([...seen].sort()).toEqual(Array.from({ length: 30 }, (_, n) => `cart line ${n}`).sort());
    expect(seen).toHaveLength(30);
  });

  describe("summary of spans", () => {
    test("by service, the largest first, with what fails and how long it takes", async () => {
      const { body } = await json("/api/v1/traces/summary");
      expect(body).toMatchObject({ by: "service", isTruncated: false });
      expect(
        body.groups.map((group: { key: string; spanCount: number; errorCount: number }) => [
          group.key,
          group.spanCount,
          group.errorCount,
        ]),
      ).toEqual([
        ["gateway", 2, 0],
        ["cart", 1, 0],
        ["checkout", 1, 1],
      ]);
      const { latencySeconds } = body.groups[0];
      expect(latencySeconds.max).toBe(0.212);
      expect(latencySeconds.p50).toBeGreaterThan(0.2 * 0.989);
      expect(latencySeconds.p50).toBeLessThan(0.2 * 1.011);
    });

    test.each([
      ["by=operation&service=gateway", ["POST", "POST /pay"]],
      ["by=kind&service=gateway", ["client", "server"]],
      ["by=http.response.status_code&service=checkout", ["500"]],
      ["by=service.name&status=error", ["checkout"]],
      ["by=nothing.has.it&service=cart", [""]],
      ["by=route&service=nobody", []],
      ["by=service&limit=1", ["gateway"]],
    ])("%s", async (query, want) => {
      const { body } = await json(`/api/v1/traces/summary?${query}`);
      expect(body.groups.map((group: { key: string }) => group.key)).toEqual(want);
      expect(body.isTruncated).toBe(query.includes("limit"));
    });

    test("quantiles are within 1.1 % of those of the spans themselves", async () => {
      const durations = Array.from({ length: 999 }, (_, n) => 0.01 * 1.013 ** n);
      const spans = durations.map((durationMs, n) => ({
        service: "spread",
        name: "op",
        trace: traceId(5_000 + n),
        id: spanId(1),
        startMs: NOW_MS - 3 * 86_400_000,
        durationMs,
      }));
      await store.writer.write(batch("spread", [record("traces", tracesRequest(spans), NOW_MS)]));
      const { body } = await json("/api/v1/traces/summary?service=spread&since=4d");
      for (const [name, rank] of [
        ["p50", 500],
        ["p95", 950],
        ["p99", 990],
      ] as const) {
        const exact = durations[rank - 1]! / 1000;
        expect(Math.abs(body.groups[0].latencySeconds[name] / exact - 1)).toBeLessThan(0.011);
      }
    });
  });

  describe("commands", () => {
    const run = (command: Command, ...args: string[]) =>
      runCommand(command, args, { env: { TOCSIN_API_URL: url } });

    test("traces, one of them, and what they have in common", async () => {
      const list = await run(traces, "service=checkout", "status=error", "duration>100ms");
      expect(list).toMatchObject({ code: 0, err: "" });
      expect(list.out).toContain(`${PAY}    212 ms  gateway POST /pay  3 spans  1 error  checkout, gateway`);
      const whole = await run(trace, PAY);
      expect(whole.out).toContain("ERROR TypeError");
      expect(await run(trace, traceId(99))).toMatchObject({ code: 1, out: "" });
      const groups = await run(traces, "service=gateway", "--by", "operation");
      expect(groups.out).toMatch(/^operation +spans +errors +p50 +p95 +p99 +max\nPOST +1 +0 % +/);
    });

    test.each([
      [
        "traces",
        ["service=chekout"],
        'No span of the service "chekout" is stored for this time. Did you mean checkout?\n',
      ],
      [
        "traces",
        ["service=cart", "status=error"],
        "None of the 4 spans of this time fulfils the filter. Leave a part of it out, or take a longer time: --since 1d.\n",
      ],
      [
        "traces",
        ["--since", "1ms"],
        "No span is stored for this time. A longer time: --since 1d. Whether services send at all: tocsin doctor.\n",
      ],
      [
        "logs",
        ["unheard-of"],
        "There are lines of this time, and none fulfils the filter. Leave a part of it out, or take a longer time: --since 1d.\n",
      ],
      [
        "logs",
        ["--since", "1ms"],
        "No line is stored for this time. A longer time: --since 1d. Whether services send at all: tocsin doctor.\n",
      ],
    ])("%s %j says why there is nothing", async (name, args, want) => {
      expect(await run(name === "traces" ? traces : logs, ...args)).toEqual({ code: 0, out: "", err: want });
    });
  });

  describe("jaeger", () => {
    test("services, operations and dependencies", async () => {
      expect((await json("/jaeger/api/services")).body).toEqual({
        data: ["cart", "checkout", "gateway"],
        total: 3,
        limit: 0,
        offset: 0,
        errors: null,
      });
      expect((await json("/jaeger/api/services/gateway/operations")).body.data).toEqual([
        "POST",
        "POST /pay",
      ]);
      expect((await json("/jaeger/api/operations?service=gateway&spanKind=client")).body.data).toEqual([
        { name: "POST", spanKind: "client" },
      ]);
      expect(
        (await json(`/jaeger/api/dependencies?endTs=${NOW_MS + 1000}&lookback=3600000`)).body.data,
      ).toEqual([{ parent: "gateway", child: "checkout", callCount: 1 }]);
    });

    test("a search gives whole traces in Jaeger's form", async () => {
      const start = (NOW_MS - 3_600_000) * 1000;
      const tags = encodeURIComponent('{"http.route":"/pay","error":"true"}');
      const { body } = await json(
        `/jaeger/api/traces?service=checkout&tags=${tags}&minDuration=1.5ms&limit=20&start=${start}&end=${(NOW_MS + 1000) * 1000}`,
      );
      expect(body.data).toHaveLength(1);
      const [trace] = body.data;
      expect(trace.traceID).toBe(PAY);
      expect(
        Object.values(trace.processes)
          .map((process) => (process as { serviceName: string }).serviceName)
          .sort(),
      ).toEqual(["checkout", "gateway"]);
      const failed = trace.spans.find((span: { spanID: string }) => span.spanID === spanId(3));
      expect(failed).toMatchObject({
        operationName: "POST /pay",
        references: [{ refType: "CHILD_OF", traceID: PAY, spanID: spanId(2) }],
        startTime: (NOW_MS - 480) * 1000,
        duration: 180_000,
        logs: [
          {
            timestamp: (NOW_MS - 400) * 1000,
            fields: [{ key: "event", type: "string", value: "exception" }],
          },
        ],
        warnings: null,
      });
      expect(failed.tags).toEqual(
        expect.arrayContaining([
          { key: "span.kind", type: "string", value: "server" },
          { key: "error", type: "bool", value: true },
          { key: "otel.status_code", type: "string", value: "ERROR" },
        ]),
      );
      expect(trace.processes[failed.processID].serviceName).toBe("checkout");
    });

    test("a trace by id, and one that is not there", async () => {
      expect((await json(`/jaeger/api/traces/${PAY}`)).body.data[0].spans).toHaveLength(3);
      expect((await json(`/jaeger/api/traces?traceID=${PAY}&traceID=${traceId(2)}`)).body.data).toHaveLength(
        2,
      );
      expect(await json(`/jaeger/api/traces/${traceId(99)}`)).toMatchObject({
        status: 404,
        body: { data: null, errors: [{ code: 404, msg: "trace not found" }] },
      });
      expect((await json("/jaeger/api/traces")).status).toBe(400);
    });
  });

  describe("tail", () => {
    const follow = async (query: string): Promise<IncomingMessage> => {
      const request = get(`${url}/api/v1/logs/tail${query}`);
      const [response] = (await once(request, "response")) as [IncomingMessage];
      response.on("error", () => {});
      return response;
    };
    const write = (token: string, lines: string[], severity = 9) =>
      store.writer.write(
        batch(token, [
          record(
            "logs",
            logsRequest(lines.map((body) => ({ service: "tailed", body, timeMs: NOW_MS, severity }))),
            NOW_MS,
          ),
        ]),
      );
    const readUntil = async (response: IncomingMessage, done: (text: string) => boolean): Promise<string> => {
      let text = "";
      for await (const chunk of response) {
        text += String(chunk);
        if (done(text)) break;
      }
      return text;
    };

    test("gives what passes by and matches, and lets go when the reader leaves", async () => {
      const response = await follow("?service=tailed&severity=error");
      await write("tail-1", ["quiet"]);
      await write("tail-2", ["loud"], 17);
      const text = await readUntil(response, (read) => read.includes("event: log"));
      const lines = [...text.matchAll(/event: log\ndata: (.*)\n/g)].map(
        (match) => (JSON.parse(match[1]!) as StoredLog).body,
      );
      expect(lines).toEqual(["loud"]);
      response.destroy();
      while (store.tail.hasFollowers) await new Promise((next) => setImmediate(next));
    });

    test("a reader that does not read is told how many lines it missed", async () => {
      const response = await follow("?service=tailed");
      response.pause();
      const long = "x".repeat(20_000);
      for (let round = 0; round < 8; round++) {
        await write(
          `flood-${round}`,
          Array.from({ length: 400 }, (_, n) => `${long} ${round} ${n}`),
        );
      }
      const counts = { lines: 0, skipped: 0 };
      let rest = "";
      for await (const chunk of response) {
        const events = (rest + String(chunk)).split("\n\n");
        rest = events.pop() ?? "";
        for (const event of events) {
          if (event.startsWith("event: log")) counts.lines += 1;
          if (event.startsWith("event: skipped"))
            counts.skipped += (JSON.parse(event.split("data: ")[1]!) as { count: number }).count;
        }
        if (counts.lines + counts.skipped === 3_200) break;
      }
      expect(counts.skipped).toBeGreaterThan(0);
      expect(counts.lines + counts.skipped).toBe(3_200);
      response.destroy();
    });
  });
});

test("while a store starts, or cannot be opened, every path says so", async () => {
  const deps = { store: undefined, fault: "the store is starting", clock: new ManualClock() };
  const mounts = { "/api/v1": [tracesRoutes(deps)], "/jaeger": [jaegerRoutes(deps)] };
  const { url, close } = await serveApp(appOf(mounts));
  for (const path of ["/api/v1/traces", "/jaeger/api/services"]) {
    const response = await fetch(`${url}${path}`);
    expect([response.status, response.headers.get("retry-after"), await response.text()]).toEqual([
      503,
      "5",
      expect.stringContaining("the store is starting"),
    ]);
  }
  await close();
});

test("without a store every path says why it is empty", async () => {
  const deps = { store: undefined, clock: new ManualClock() };
  const mounts = { "/api/v1": [tracesRoutes(deps), logsRoutes(deps)], "/jaeger": [jaegerRoutes(deps)] };
  const { url, close } = await serveApp(appOf(mounts));
  for (const path of ["/api/v1/traces", "/api/v1/logs", "/api/v1/logs/tail", "/jaeger/api/services"]) {
    const response = await fetch(`${url}${path}`);
    expect([response.status, await response.text()]).toEqual([503, expect.stringContaining("store: none")]);
  }
  await close();
});
