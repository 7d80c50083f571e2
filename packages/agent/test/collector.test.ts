import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { HAS_COLLECTOR, type Json, RunningCollector, TOCSIN } from "./support/collector.js";
import { cleanEnv, Service } from "./support/service.js";

const execute = promisify(execFile);

describe.skipIf(!HAS_COLLECTOR)("with a real collector", () => {
  let collector: RunningCollector;
  let service: Service;
  let url: string;

  beforeAll(async () => {
    collector = await RunningCollector.start();
    service = new Service("express-app.cjs", collector.otlpUrl, {
      env: { OTEL_SERVICE_NAME: "shop", SERVICE_VERSION: "1.42.0" },
    });
    url = await service.listening();
    await Promise.all(Array.from({ length: 10 }, (_, id) => fetch(`${url}/orders/${id}`)));
    await fetch(`${url}/fail`);
  }, 60_000);

  afterAll(async () => {
    await service?.stop();
    await collector?.close();
  });

  test("the golden signals of the service are there, from unsampled metrics", async () => {
    const shop = await collector.ask("/api/v1/services", (answer) =>
      (answer.services ?? answer).find(
        (one: Json) =>
          one.service === "shop" && one.trafficPerSecond > 0 && one.errorRatio > 0 && one.saturation,
      ),
    );
    expect(shop).toMatchObject({ version: "1.42.0" });
    expect(shop.latencySeconds.p99).toBeGreaterThan(0);
    expect(shop.saturation.ratio).toBeGreaterThanOrEqual(0);
  });

  test("one trace holds the request, its client call and what that reached", async () => {
    const found = await collector.ask("/api/v1/traces?service=shop&limit=100", (answer) =>
      (answer.traces ?? answer).find((one: Json) => JSON.stringify(one).includes("GET /orders/:id")),
    );
    const spans = await collector.ask(`/api/v1/traces/${found.traceId}`, (answer) => {
      const list = answer.spans ?? answer;
      return list.length >= 3 && list;
    });
    expect(spans.map(({ name }: Json) => name).sort()).toEqual(["GET", "GET /orders/:id", "GET /stock"]);
  });

  test("`tocsin doctor` tells what the agent watches", async () => {
    await collector.ask(
      "/prometheus/api/v1/query?query=tocsin_agent_library",
      ({ data }) => data.result.length > 0,
    );
    const { stdout } = await execute(process.execPath, [TOCSIN, "doctor", "--url", collector.api, "--json"], {
      env: cleanEnv(),
    });
    const told = JSON.parse(stdout).find(({ text }: Json) => text.includes('service "shop"'));
    expect(told).toMatchObject({ level: "ok" });
    expect(told.text).toMatch(/watches express .*http .*pino prom-client/);
  });

  test("`tocsin doctor` names what an agent came too late for, in the words of the service's own line", async () => {
    const late = new Service("late.cjs", collector.otlpUrl, {
      nodeArgs: [],
      env: { OTEL_SERVICE_NAME: "late" },
    });
    try {
      await fetch(`${await late.listening()}/late/1`);
      await collector.ask(
        `/prometheus/api/v1/query?query=${encodeURIComponent('tocsin_agent_library{job="late",library="express"}')}`,
        ({ data }) => data.result.length > 0,
      );
      const { stdout } = await execute(
        process.execPath,
        [TOCSIN, "doctor", "--url", collector.api, "--json"],
        { env: cleanEnv() },
      );
      const told = JSON.parse(stdout).find(({ text }: Json) => text.includes("does not watch"));
      expect(told).toMatchObject({
        level: "warning",
        text: 'the agent of service "late" does not watch express',
      });
      await expect.poll(() => late.stderr).toContain(`not express: ${told.fix}`);
    } finally {
      await late.stop();
    }
  });

  test("prom-client's metrics are there under their names, a summary with its quantiles", async () => {
    const shop = new Service("prom-client.cjs", collector.otlpUrl, { env: { OTEL_SERVICE_NAME: "queues" } });
    try {
      await shop.listening();
      const values = async (name: string): Promise<Json> =>
        collector.ask(`/prometheus/api/v1/query?query=${name}`, ({ data }) =>
          data.result.length === 0
            ? undefined
            : data.result.map(({ metric, value }: Json) => [metric.quantile ?? metric.shop, value[1]]),
        );
      expect(await values("wait_seconds")).toEqual([
        ["0.5", "2"],
        ["0.9", "3"],
      ]);
      expect(await values("wait_seconds_count")).toEqual([[undefined, "2"]]);
      // Counters end in _total there.
      expect(await values("visits_total")).toEqual([
        ["north", "1"],
        ["south", "2"],
      ]);
    } finally {
      await shop.stop();
    }
  });

  test("the log lines of the service are there, with their trace ids", async () => {
    const log = await collector.ask("/api/v1/logs?service=shop&limit=100", (answer) =>
      (answer.logs ?? answer).find((one: Json) => JSON.stringify(one).includes("order served")),
    );
    expect(log.traceId).toMatch(/^[0-9a-f]{32}$/);
  });
});
