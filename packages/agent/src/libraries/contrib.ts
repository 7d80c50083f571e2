import { createRequire } from "node:module";
import { join } from "node:path";
import { tellQueueTime } from "./kafka.js";
import type { LoadedFile, ModuleHook } from "./module-hook.js";

/** A library, the package that instruments it, and that package's class. */
interface Entry {
  readonly libraries: readonly string[];
  readonly instrumentation: string;
  readonly className: string;
  /** What its class is made with. */
  readonly config?: object;
}

/** Libraries whose OpenTelemetry instrumentation the agent brings along. */
const BUNDLED: readonly Entry[] = [
  entry(["pg", "pg-pool"], "pg", "PgInstrumentation"),
  entry(["mysql2"], "mysql2", "MySQL2Instrumentation"),
  entry(["mongodb"], "mongodb", "MongoDBInstrumentation"),
  entry(["ioredis"], "ioredis", "IORedisInstrumentation"),
  entry(["redis", "@redis/client", "@node-redis/client"], "redis", "RedisInstrumentation"),
  { ...entry(["kafkajs"], "kafkajs", "KafkaJsInstrumentation"), config: { consumerHook: tellQueueTime } },
  entry(["amqplib"], "amqplib", "AmqplibInstrumentation"),
  entry(["@grpc/grpc-js"], "grpc", "GrpcInstrumentation"),
  entry(["graphql"], "graphql", "GraphQLInstrumentation"),
  entry(
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
];

/** Libraries that are watched when the service has OpenTelemetry's instrumentation for them installed itself. */
const OPTIONAL: readonly Entry[] = [
  entry(["mysql"], "mysql", "MySQLInstrumentation"),
  entry(["mongoose"], "mongoose", "MongooseInstrumentation"),
  entry(["knex"], "knex", "KnexInstrumentation"),
  entry(["tedious"], "tedious", "TediousInstrumentation"),
  entry(["cassandra-driver"], "cassandra-driver", "CassandraDriverInstrumentation"),
  entry(["memcached"], "memcached", "MemcachedInstrumentation"),
  entry(["dataloader"], "dataloader", "DataloaderInstrumentation"),
  entry(["generic-pool"], "generic-pool", "GenericPoolInstrumentation"),
  entry(["lru-memoizer"], "lru-memoizer", "LruMemoizerInstrumentation"),
  entry(["socket.io"], "socket.io", "SocketIoInstrumentation"),
  entry(["oracledb"], "oracledb", "OracleInstrumentation"),
  entry(["openai"], "openai", "OpenAIInstrumentation"),
];

/** What happened to a library, for the report at start. */
export interface ContribReport {
  readonly patched: (name: string) => void;
  readonly missed: (name: string, why: string) => void;
}

/**
 * Lets OpenTelemetry's own instrumentations patch their libraries, each loaded when its library is and not before.
 *
 * They would otherwise hook `require` and the ES-module loader themselves, once per library; here one hook finds the
 * files and hands them over, for both kinds of modules.
 */
export function watchContrib(
  hook: ModuleHook,
  report: ContribReport,
  isEnabled: (name: string) => boolean,
): void {
  for (const item of [...BUNDLED, ...OPTIONAL]) {
    if (!isEnabled(item.instrumentation)) continue;
    let parts: readonly Internals[] | undefined;
    for (const library of item.libraries)
      hook.on(library, (exports, loaded) => {
        if (parts === undefined) {
          parts = create(item, loaded);
          if (parts.length === 0) report.missed(library, `install ${packageOf(item)} to have it watched`);
        }
        let current = exports;
        for (const part of parts) current = apply(part, current, loaded, item.instrumentation, report);
        return current;
      });
  }
}

function entry(libraries: readonly string[], instrumentation: string, className: string): Entry {
  return { libraries, instrumentation, className };
}

function packageOf({ instrumentation }: Entry): string {
  return `@opentelemetry/instrumentation-${instrumentation}`;
}

/** The parts of OpenTelemetry's `InstrumentationBase` that its own module hooks work by. */
interface Internals {
  _enabled: boolean;
  readonly _modules: readonly Definition[];
  _onRequire(definition: Definition, exports: unknown, name: string, baseDir: string): unknown;
}

interface Definition {
  readonly name: string;
  readonly files: readonly { readonly name: string; readonly moduleExports?: unknown }[];
  readonly patch?: unknown;
  /** Kept once the module was handed over in a version that the instrumentation supports. */
  readonly moduleExports?: unknown;
}

/** The instrumentation and those that it is put together from, as redis's is by major version. */
function create(item: Entry, { packageDir }: LoadedFile): readonly Internals[] {
  const places: readonly (readonly [from: string, name: string])[] = [
    [import.meta.url, `./on-demand/instrumentation-${item.instrumentation}.cjs`],
    [join(packageDir, "noop.js"), packageOf(item)],
    [join(process.cwd(), "noop.js"), packageOf(item)],
  ];
  for (const [from, name] of places)
    try {
      const exported = createRequire(from)(name) as Record<string, new (config: object) => Internals>;
      const Instrumentation = exported[item.className];
      if (Instrumentation === undefined) continue;
      const made = new Instrumentation({ ...item.config, enabled: false });
      const parts = [made, ...Object.values(made).filter(isInstrumentation)];
      // Enabled the usual way it would install its own hooks; being called is all that it needs.
      for (const part of parts) part._enabled = true;
      return parts;
    } catch {
      // Not installed there.
    }
  return [];
}

function isInstrumentation(value: unknown): value is Internals {
  return typeof value === "object" && value !== null && "_onRequire" in value && "_modules" in value;
}

/** Hands a file over. A version that the instrumentation does not know is told of, unless another file of it is known. */
function apply(
  instance: Internals,
  exports: unknown,
  loaded: LoadedFile,
  name: string,
  report: ContribReport,
): unknown {
  const tell = (isSupported: boolean): void => {
    if (isSupported) report.patched(name);
    else
      report.missed(
        name,
        `OpenTelemetry's instrumentation does not know version ${loaded.version() ?? "unknown"}`,
      );
  };
  let current = exports;
  const { packageName, packageDir, file } = loaded;
  for (const definition of instance._modules) {
    if (definition.name !== packageName) continue;
    const inner = `${packageName}/${file}`;
    const own = definition.files.filter((known) => known.name === inner || `${known.name}.js` === inner);
    const [first] = own;
    if (first !== undefined) {
      current = instance._onRequire(definition, current, first.name, packageDir) ?? current;
      tell(own.some(({ moduleExports }) => moduleExports !== undefined));
    }
    if (definition.patch !== undefined && isMainFile(loaded)) {
      current = instance._onRequire(definition, current, packageName, packageDir) ?? current;
      tell(definition.moduleExports !== undefined);
    }
  }
  return current;
}

const mainFiles = new Map<string, string | undefined>();

/** Whether this is the file that `require` of the package yields. */
function isMainFile({ packageDir, file }: LoadedFile): boolean {
  if (!mainFiles.has(packageDir)) {
    let main: string | undefined;
    try {
      main = createRequire(join(packageDir, "noop.js")).resolve(packageDir);
    } catch {
      // A package without a main file has nothing to patch there.
    }
    mainFiles.set(packageDir, main);
  }
  return mainFiles.get(packageDir) === join(packageDir, file);
}
