import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { HAS_COLLECTOR, type Json, RunningCollector } from "./support/collector.js";
import {
  MARIADB,
  POSTGRES,
  RABBITMQ,
  REDIS,
  type Running,
  startMariadb,
  startPostgres,
  startRabbitmq,
  startRedis,
} from "./support/debian.js";
import { express4App } from "./support/express-4.js";
import { startKafkaBroker } from "./support/kafka-broker.js";
import { startMongo } from "./support/mongo-server.js";
import { Service } from "./support/service.js";
import { startSqs } from "./support/sqs-server.js";
import { unstableNames } from "./support/stable-names.js";

/** A library in use within one request, what it talks to, and the span that must be found again. */
interface Case {
  readonly library: string;
  readonly span: RegExp;
  readonly kind: string;
  /** Starts what it talks to; nothing where it is missing here. */
  readonly start?: (() => Promise<Running>) | undefined;
  readonly isMissing?: boolean;
}

const kafka = async (): Promise<Running> => {
  const { address, close } = await startKafkaBroker();
  return { url: address, close };
};

/** A server that is not watched. */
const web = async (): Promise<Running> => {
  const server = createServer((_request, response) => response.end("here"));
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, close: async () => void server.close() };
};

const CASES: readonly Case[] = [
  { library: "undici", span: /^GET$/, kind: "client", start: web },
  {
    library: "pg",
    span: /^pg\.query/,
    kind: "client",
    start: startPostgres,
    isMissing: POSTGRES === undefined,
  },
  {
    library: "mysql2",
    span: /^SELECT/,
    kind: "client",
    start: startMariadb,
    isMissing: MARIADB === undefined,
  },
  { library: "mongodb", span: /^find orders/, kind: "client", start: startMongo },
  { library: "ioredis", span: /^get$/, kind: "client", start: startRedis, isMissing: REDIS === undefined },
  { library: "redis", span: /GET$/, kind: "client", start: startRedis, isMissing: REDIS === undefined },
  { library: "redis-4", span: /GET$/, kind: "client", start: startRedis, isMissing: REDIS === undefined },
  {
    library: "amqplib",
    span: /^publish/,
    kind: "producer",
    start: startRabbitmq,
    isMissing: RABBITMQ === undefined,
  },
  { library: "kafkajs", span: /orders/, kind: "producer", start: kafka },
  { library: "grpc", span: /test\.Echo\/Say/, kind: "client" },
  { library: "graphql", span: /^query Order/, kind: "internal" },
  { library: "aws-sdk", span: /^orders send/, kind: "producer", start: startSqs },
];

describe.skipIf(!HAS_COLLECTOR)("real libraries, read back from a real collector", () => {
  let collector: RunningCollector;
  const express4 = express4App();
  beforeAll(async () => {
    collector = await RunningCollector.start();
  }, 60_000);
  afterAll(async () => {
    express4.remove();
    await collector?.close();
  });

  /** The trace of the one request, once its span of that name is there, and what the collector counted. */
  async function readBack(service: string, isIt: (name: string) => boolean): Promise<Json[]> {
    const found = await collector.ask(`/api/v1/traces?service=${service}&limit=20`, (answer) =>
      (answer.traces ?? answer).at(0),
    );
    const spans = await collector.ask(`/api/v1/traces/${found.traceId}`, (answer) => {
      const list: Json[] = answer.spans ?? answer;
      return list.some(({ name }) => isIt(name)) && list.some(({ kind }) => kind === "server") && list;
    });
    const query = encodeURIComponent(`http_server_request_duration_seconds_count{job="${service}"}`);
    const count = await collector.ask(
      `/prometheus/api/v1/query?query=${query}`,
      ({ data }) => data.result[0]?.value[1],
    );
    expect(Number(count)).toBe(1);
    return spans;
  }

  describe.each(CASES)("$library", ({ library, span, kind, start, isMissing }) => {
    test.skipIf(isMissing)("its span is under the request, with names of today", async () => {
      const target = await start?.();
      const service = new Service("clients.cjs", collector.otlpUrl, {
        args: [library],
        env: { OTEL_SERVICE_NAME: library, TARGET: target?.url ?? "" },
      });
      try {
        expect(await (await fetch(await service.listening())).text()).toBe("done");
        const spans = await readBack(library, (name) => span.test(name));
        const server = spans.find(({ parentSpanId }) => !parentSpanId);
        const own = spans.find((one) => span.test(one.name) && one.kind === kind);
        expect(server).toMatchObject({ name: "GET", kind: "server" });
        expect(own).toMatchObject({ traceId: server.traceId, kind });
        expect(spans.flatMap(({ attributes }) => unstableNames(attributes))).toEqual([]);
      } finally {
        await service.stop();
        await target?.close();
      }
    });
  });

  test.each(["express4", "fastify", "fastify4", "koa", "hapi", "nest"])(
    "%s: its route names span and series",
    async (framework) => {
      const isOld = framework === "express4";
      const service = new Service(isOld ? express4.file : "frameworks.cjs", collector.otlpUrl, {
        args: [framework],
        env: { OTEL_SERVICE_NAME: framework, ...(isOld ? express4.env : {}) },
      });
      try {
        await fetch(`${await service.listening()}/orders/7`);
        const route = framework === "hapi" ? "/orders/{id}" : "/orders/:id";
        const [server] = await readBack(framework, (name) => name === `GET ${route}`);
        expect(server.attributes["http.route"]).toBe(route);
      } finally {
        await service.stop();
      }
    },
  );
});
