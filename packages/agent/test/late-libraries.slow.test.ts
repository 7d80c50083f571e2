import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { POSTGRES, REDIS, startPostgres, startRedis } from "./support/debian.js";
import { startKafkaBroker } from "./support/kafka-broker.js";
import { startMongo } from "./support/mongo-server.js";
import { startMysqlProtocol } from "./support/mysql-server.js";
import { Service } from "./support/service.js";
import { type SeenSpan, Sink } from "./support/sink.js";
import { startSqs } from "./support/sqs-server.js";

const LATE = "loaded before the agent, so that parts of it are not seen; start with --import";

let sink: Sink;
beforeAll(async () => {
  sink = await Sink.open();
});
afterAll(() => sink.close());

interface Target {
  readonly url?: string;
  readonly address?: string;
  close(): Promise<void>;
}

/** Has a library used that was loaded before the agent; what is seen is looked at before the service is stopped. */
async function use(
  library: string,
  start: (() => Promise<Target>) | undefined,
  look: (spans: readonly SeenSpan[], service: Service) => Promise<void>,
): Promise<void> {
  const target = await start?.();
  const service = new Service("late-clients.mjs", sink.url, {
    nodeArgs: [],
    args: [library],
    env: { TARGET: target?.url ?? target?.address ?? "", OTEL_SERVICE_NAME: library },
  });
  try {
    expect(await (await fetch(await service.listening())).text()).toBe("done");
    const ofService = () => sink.spans.filter(({ resource }) => resource["service.name"] === library);
    // The request that was served to the test ends last.
    await sink.until(() => ofService().some(({ kind, parentSpanId }) => kind === 2 && parentSpanId === ""));
    await expect.poll(() => service.stderr).toContain("sending to");
    await look(ofService(), service);
  } finally {
    await service.stop();
    await target?.close();
  }
}

describe("seen wholly even when it was loaded before the agent", () => {
  test.each([
    { library: "mysql2", start: startMysqlProtocol, span: /^SELECT$/ },
    { library: "mongodb", start: startMongo, span: /^insert orders$/ },
    { library: "kafkajs", start: startKafkaBroker, span: /^send orders$/ },
    { library: "aws-sdk", start: startSqs, span: /^orders send$/ },
    { library: "hapi", start: undefined, span: /^GET \/orders\/\{id\}$/ },
    { library: "koa", start: undefined, span: /^GET \/orders\/:id$/ },
    { library: "pg", start: POSTGRES === undefined ? undefined : startPostgres, span: /^pg\.query/ },
    { library: "ioredis", start: REDIS === undefined ? undefined : startRedis, span: /^set$/ },
    { library: "redis", start: REDIS === undefined ? undefined : startRedis, span: /^redis-SET$/ },
  ])("$library", async ({ library, start, span }) => {
    if (start === undefined && !["hapi", "koa"].includes(library)) {
      process.stderr.write(`SKIPPED: there is no server for ${library}.\n`);
      return;
    }
    await use(library, start, async (_spans, service) => {
      await sink.until(() =>
        sink.spans.some(({ name, resource }) => resource["service.name"] === library && span.test(name)),
      );
      expect(service.stderr).not.toContain(LATE);
    });
  });

  test("prom-client: metrics that were made before are sent", () =>
    use("prom-client", undefined, async () => {
      await sink.until(() => sink.metrics.get("early_total")?.points[0]?.value === 1);
    }));
});

describe("told of, once, when it was loaded before the agent", () => {
  test.each(["fastify", "grpc", "graphql"])("%s", (library) =>
    use(library, undefined, async (_spans, service) => {
      expect(service.stderr.split(`not ${library}: ${LATE}`)).toHaveLength(2);
      await sink.until(() =>
        sink.metrics
          .get("tocsin_agent_library")
          ?.points.some(
            ({ attributes, value }) =>
              attributes.library === library && attributes.reason === LATE && value === 0,
          ),
      );
    }),
  );

  test.skipIf(REDIS === undefined)("redis 4", () =>
    use("redis-4", startRedis, async (_spans, service) => {
      expect(service.stderr).toContain(`not redis: ${LATE}`);
    }),
  );
});
