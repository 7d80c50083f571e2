import { tellQueueTime } from "./kafka.js";

/** A library, the package that instruments it, and that package's class. */
export interface ContribEntry {
  /** Packages whose files are handed over. */
  readonly libraries: readonly string[];
  /** Short name of OpenTelemetry's instrumentation, `pg` for `@opentelemetry/instrumentation-pg`. */
  readonly instrumentation: string;
  readonly className: string;
  /** What its class is made with. */
  readonly config?: object;
  /**
   * Whether all of it is seen even when it was loaded before the agent, in every version or from a major version of the
   * library on: what is patched are prototypes, or properties that the library reads when it uses them.
   */
  readonly isWholeWhenLate?: true | { readonly library: string; readonly major: number };
}

/** Libraries whose OpenTelemetry instrumentation the agent brings along, each in a file that is loaded with its library. */
export const CONTRIB: readonly ContribEntry[] = [
  { ...entry(["pg", "pg-pool"], "pg", "PgInstrumentation"), isWholeWhenLate: true },
  { ...entry(["mysql2"], "mysql2", "MySQL2Instrumentation"), isWholeWhenLate: true },
  { ...entry(["mongodb"], "mongodb", "MongoDBInstrumentation"), isWholeWhenLate: true },
  { ...entry(["ioredis"], "ioredis", "IORedisInstrumentation"), isWholeWhenLate: true },
  {
    ...entry(["redis", "@redis/client", "@node-redis/client"], "redis", "RedisInstrumentation"),
    isWholeWhenLate: { library: "@redis/client", major: 5 },
  },
  {
    ...entry(["kafkajs"], "kafkajs", "KafkaJsInstrumentation"),
    config: { consumerHook: tellQueueTime },
    isWholeWhenLate: true,
  },
  entry(["amqplib"], "amqplib", "AmqplibInstrumentation"),
  entry(["@grpc/grpc-js"], "grpc", "GrpcInstrumentation"),
  {
    ...entry(["graphql"], "graphql", "GraphQLInstrumentation"),
    // By default there is a span for each field of each item of a list, named by the item's number.
    config: { mergeItems: true, ignoreTrivialResolveSpans: true },
  },
  {
    ...entry(
      [
        "@aws-sdk/middleware-stack",
        "@smithy/middleware-stack",
        "@smithy/core",
        "@aws-sdk/smithy-client",
        "@smithy/smithy-client",
      ],
      "aws-sdk",
      "AwsInstrumentation",
    ),
    isWholeWhenLate: true,
  },
  entry(["mysql"], "mysql", "MySQLInstrumentation"),
  entry(["mongoose"], "mongoose", "MongooseInstrumentation"),
  entry(["knex"], "knex", "KnexInstrumentation"),
  entry(["tedious"], "tedious", "TediousInstrumentation"),
  entry(["cassandra-driver"], "cassandra-driver", "CassandraDriverInstrumentation"),
  entry(["oracledb"], "oracledb", "OracleInstrumentation"),
  entry(["memcached"], "memcached", "MemcachedInstrumentation"),
  entry(["dataloader"], "dataloader", "DataloaderInstrumentation"),
  entry(["generic-pool"], "generic-pool", "GenericPoolInstrumentation"),
  entry(["lru-memoizer"], "lru-memoizer", "LruMemoizerInstrumentation"),
  entry(["socket.io"], "socket.io", "SocketIoInstrumentation"),
  entry(["openai"], "openai", "OpenAIInstrumentation"),
  entry(["bunyan"], "bunyan", "BunyanInstrumentation"),
  entry(["@cucumber/cucumber"], "cucumber", "CucumberInstrumentation"),
];

function entry(libraries: readonly string[], instrumentation: string, className: string): ContribEntry {
  return { libraries, instrumentation, className };
}
