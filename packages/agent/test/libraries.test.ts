import { afterAll, beforeAll, expect, test } from "vitest";
import { POSTGRES, REDIS, type Running, startPostgres, startRedis } from "./support/debian.js";
import { startKafkaBroker } from "./support/kafka-broker.js";
import { startMongo } from "./support/mongo-server.js";
import { startMysqlProtocol } from "./support/mysql-server.js";
import { Service } from "./support/service.js";
import { Sink } from "./support/sink.js";
import { startSqs } from "./support/sqs-server.js";
import { unstableNames } from "./support/stable-names.js";

const CLIENT = 3;
const SERVER = 2;
const PRODUCER = 4;

let sink: Sink;
beforeAll(async () => {
  sink = await Sink.open();
});
afterAll(() => sink.close());

/** Starts the fixture, has it use the library within one request, and returns the spans of that request. */
async function use(
  library: string,
  target: string,
  look: (names: string[]) => boolean,
  meanwhile: () => Promise<void> = async () => {},
) {
  const service = new Service("clients.cjs", sink.url, {
    args: [library],
    env: { TARGET: target, OTEL_SERVICE_NAME: library },
  });
  try {
    const answer = await fetch(await service.listening());
    expect(await answer.text()).toBe("done");
    await meanwhile();
    return await sink.until(() => {
      const all = sink.spans.filter(({ resource }) => resource["service.name"] === library);
      const server = all.find(({ kind, scope }) => kind === SERVER && scope === "@tocsin/agent");
      if (server === undefined || !look(all.map(({ name }) => name))) return undefined;
      expect(all.flatMap(({ attributes }) => unstableNames(attributes))).toEqual([]);
      return { server, rest: all.filter((span) => span !== server) };
    });
  } finally {
    await service.stop();
  }
}

async function withServer<T>(start: () => Promise<Running>, run: (url: string) => Promise<T>): Promise<T> {
  const server = await start();
  try {
    return await run(server.url);
  } finally {
    await server.close();
  }
}

test.skipIf(POSTGRES === undefined)(
  "pg: a query is a client span with its statement, under the request, and its pool is counted",
  { concurrent: true },
  async () => {
    const { server, rest } = await withServer(startPostgres, (url) =>
      use(
        "pg",
        url,
        (names) => names.some((name) => name.startsWith("pg.query")),
        async () => {
          // Which of them are idle, OpenTelemetry's instrumentation tells an event late; how many there are, it knows.
          await sink.until(() => {
            const points = sink.metrics.get("db.client.connection.count")?.points ?? [];
            return points.reduce((sum, { value }) => sum + value, 0) === 1;
          });
          expect(sink.metrics.get("db.client.connection.max")?.points[0]?.value).toBe(3);
        },
      ),
    );
    const query = rest.find(({ name }) => name.startsWith("pg.query"));
    expect(query).toMatchObject({ kind: CLIENT, traceId: server.traceId, parentSpanId: server.spanId });
    expect(JSON.stringify(query?.attributes)).toContain("SELECT $1::int AS answer");
  },
);

test.skipIf(REDIS === undefined)(
  "ioredis, redis 5 and redis 4: commands are client spans under the request",
  { concurrent: true },
  () =>
    withServer(startRedis, async (url) => {
      const hasBoth = (names: string[]) => ["get", "set"].every((name) => names.some(isCommand(name)));
      await Promise.all(
        ["ioredis", "redis", "redis-4"].map(async (library) => {
          const { server, rest } = await use(library, url, hasBoth);
          for (const name of ["get", "set"])
            expect(rest.find((span) => isCommand(name)(span.name))).toMatchObject({
              kind: CLIENT,
              traceId: server.traceId,
              attributes: { "db.system.name": "redis", "db.query.text": expect.stringMatching(/greeting/) },
            });
        }),
      );
    }),
);

/** Each client spells commands in its own way: `get`, `redis-GET`, `GET`. */
function isCommand(command: string): (name: string) => boolean {
  return (name) => name.toLowerCase().replace("redis-", "") === command;
}

test.concurrent("mysql2: a query is a client span with its statement, under the request", async () => {
  const { server, rest } = await withServer(startMysqlProtocol, (url) =>
    use("mysql2", url, (names) => names.includes("SELECT")),
  );
  expect(rest.find(({ name }) => name === "SELECT")).toMatchObject({
    kind: CLIENT,
    parentSpanId: server.spanId,
    attributes: {
      "db.system.name": "mysql",
      "db.namespace": "shop",
      "db.query.text": "SELECT ? AS answer",
      "server.address": "127.0.0.1",
    },
  });
});

test.concurrent("mysql: a query is a client span, under the request", async () => {
  const { server, rest } = await withServer(startMysqlProtocol, (url) =>
    use("mysql", url, (names) => names.includes("SELECT")),
  );
  expect(rest.find(({ name }) => name === "SELECT")).toMatchObject({
    kind: CLIENT,
    parentSpanId: server.spanId,
    attributes: { "db.query.text": "SELECT ? AS answer" },
  });
});

test.concurrent.each([
  { library: "dataloader", spans: ["dataloader.load", "dataloader.batch"] },
  { library: "generic-pool", spans: ["generic-pool.acquire"] },
])("$library: $spans are spans in the trace of the request", async ({ library, spans }) => {
  const { server, rest } = await use(library, "", (names) => spans.every((name) => names.includes(name)));
  for (const name of spans)
    expect(rest.find((span) => span.name === name)).toMatchObject({ traceId: server.traceId });
});

test.concurrent("bunyan: a line is a log record in the trace of the request", async () => {
  const { server } = await use("bunyan", "", (names) => names.includes("GET"));
  const log = await sink.until(() => sink.logs.find(({ body }) => body === "till is nearly empty"));
  expect(log).toMatchObject({ severityText: "warn", traceId: server.traceId, attributes: { coins: 3 } });
});

test.concurrent("mongodb: commands are client spans without the values in them, under the request", async () => {
  const { server, rest } = await withServer(startMongo, (url) =>
    use("mongodb", url, (names) => names.includes("insert orders") && names.includes("find orders")),
  );
  for (const operation of ["insert", "find"]) {
    const span = rest.find(({ name }) => name === `${operation} orders`);
    expect(span).toMatchObject({
      kind: CLIENT,
      parentSpanId: server.spanId,
      attributes: {
        "db.system.name": "mongodb",
        "db.namespace": "shop",
        "db.operation.name": operation,
        "db.collection.name": "orders",
      },
    });
    expect(span?.attributes["db.query.text"]).not.toContain("book");
  }
});

test.concurrent("graphql: an operation and its resolvers are spans under the request", async () => {
  const { server, rest } = await use(
    "graphql",
    "",
    (names) => names.includes("query Order") && names.includes("graphql.resolve order"),
  );
  const operation = rest.find(({ name }) => name === "query Order");
  expect(operation).toMatchObject({
    parentSpanId: server.spanId,
    // The id in the query was a value, and values are left out.
    attributes: {
      "graphql.operation.type": "query",
      "graphql.source": "query Order { order(id: *) items { name size } }",
    },
  });
  expect(rest.find(({ name }) => name === "graphql.resolve order")?.parentSpanId).toBe(operation?.spanId);
  // One for all items of a list, and none where nothing but a property is read.
  const resolved = rest.flatMap(({ name }) => /^graphql\.resolve (.+)/.exec(name)?.[1] ?? []);
  expect(resolved.sort()).toEqual(["items", "items.*.name", "order"]);
});

test.concurrent("aws-sdk 3: a message to SQS is a producer span with the HTTP request under it", async () => {
  const { server, rest } = await withServer(startSqs, (url) =>
    use("aws-sdk", url, (names) => names.includes("orders send") && names.includes("POST")),
  );
  const sent = rest.find(({ name }) => name === "orders send");
  expect(sent).toMatchObject({
    kind: PRODUCER,
    parentSpanId: server.spanId,
    attributes: { "messaging.system": "aws_sqs", "messaging.destination.name": "orders" },
  });
  expect(rest.find(({ name }) => name === "POST")?.parentSpanId).toBe(sent?.spanId);
});

test.concurrent("grpc-js: client and server spans share the trace of the request", async () => {
  const { server, rest } = await use(
    "grpc",
    "",
    (names) => names.filter((name) => name.includes("test.Echo/Say")).length === 4,
  );
  const calls = rest.filter(({ traceId }) => traceId === server.traceId);
  expect(calls.map(({ kind }) => kind).sort()).toEqual([SERVER, SERVER, CLIENT, CLIENT]);
  // The second call fails by an error without a code, at both ends.
  const failed = calls.filter(({ attributes }) => attributes["rpc.grpc.status_code"] === 2);
  expect(failed.map(({ kind, status }) => [kind, status.code]).sort()).toEqual([
    [SERVER, 2],
    [CLIENT, 2],
  ]);
});

test.concurrent("undici: a request by the package itself is a client span", async () => {
  const { server, rest } = await use(
    "undici",
    sink.url,
    (names) => names.includes("GET"),
    async () => {
      const idle = await sink.until(() =>
        sink.metrics
          .get("http.client.open_connections")
          ?.points.find(
            ({ attributes, value }) => attributes["http.connection.state"] === "idle" && value === 1,
          ),
      );
      expect(idle).toMatchObject({
        attributes: { "server.address": "127.0.0.1", "server.port": Number(new URL(sink.url).port) },
      });
    },
  );
  expect(rest.find(({ kind }) => kind === CLIENT)).toMatchObject({
    name: "GET",
    parentSpanId: server.spanId,
  });
});

test.concurrent("kafkajs: a message that is sent is a producer span", async () => {
  const broker = await startKafkaBroker();
  try {
    const { server, rest } = await use("kafkajs", broker.address, (names) =>
      names.some((name) => name.includes("orders")),
    );
    expect(broker.produced()).toBe(1);
    expect(rest.find(({ kind }) => kind === PRODUCER)).toMatchObject({ traceId: server.traceId });
  } finally {
    await broker.close();
  }
});
