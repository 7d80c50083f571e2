import { type Command, UsageError } from "./command.js";
import { type Parsed, parseFlags } from "./flags.js";

const FLAGS = {
  config: { type: "string", short: "c" },
  mode: { type: "string" },
  data: { type: "string" },
  "otlp-http-port": { type: "string" },
  "otlp-grpc-port": { type: "string" },
  port: { type: "string" },
  forward: { type: "string", multiple: true },
  watch: { type: "boolean" },
  json: { type: "boolean" },
} as const;

/** The flags of `tocsin up` as they were given. */
export type UpFlags = Parsed<typeof FLAGS>["flags"];

export const up: Command = {
  name: "up",
  help: `tocsin up [flags]

Runs the collector until it is told to end (Ctrl-C, SIGTERM).

  -c, --config FILE       tocsin.yaml; without it the defaults serve
  --mode MODE             standalone (default), sidecar or gateway
  --data DIR              where data is kept (default ./.tocsin)
  --otlp-http-port N      OTLP/HTTP (default 4318)
  --otlp-grpc-port N      OTLP/gRPC (default 4317)
  --port N                page and APIs (default 4319)
  --forward URL           pass OTLP on to http(s):// or grpc(s)://; again for a stand-in
  --watch                 read the configuration again when one of its files changes
  --json                  print what was bound as one line of JSON

Port 0 takes any free one.`,
  async run(args, io) {
    const { flags, positionals } = parseFlags(FLAGS, args);
    if (positionals.length > 0) throw new UsageError(`Unexpected "${positionals[0]}".`);
    // A collector's code is loaded when there is one to run: the help shows at once.
    const { runCollector } = await import("./up-collector.js");
    return runCollector(flags, io);
  },
};
