import type { Destination, Signal } from "./send/protocol.js";
import { PROTOCOLS, type Protocol, readDestination } from "./settings/destinations.js";
import type { EnvReader } from "./settings/env.js";

/** An exporter of OpenTelemetry's, with all that it needs to know. */
export type OtherExporter =
  | { readonly kind: "console" }
  | { readonly kind: "zipkin"; readonly url: string }
  | { readonly kind: "prometheus"; readonly host: string; readonly port: number }
  | { readonly kind: "grpc" | "http/json"; readonly to: Destination };

/** Where a signal was asked to go. */
export interface ExporterChoice {
  /** The agent's own way, where it is taken. */
  readonly own: Destination | undefined;
  readonly others: readonly OtherExporter[];
}

const KNOWN: Readonly<Record<Signal, readonly string[]>> = {
  traces: ["otlp", "console", "zipkin", "none"],
  metrics: ["otlp", "console", "prometheus", "none"],
  logs: ["otlp", "console", "none"],
};

/**
 * Reads `OTEL_<SIGNAL>_EXPORTER`, the protocol of OTLP and where each leads.
 *
 * @param url base URL that code gave, which wins over the environment
 */
export function readExporters(env: EnvReader, signal: Signal, url: string | undefined): ExporterChoice {
  const name = `OTEL_${signal.toUpperCase()}_EXPORTER`;
  const known = (env.list(name) ?? ["otlp"]).filter((exporter) => {
    if (KNOWN[signal].includes(exporter)) return true;
    env.fault(`${name} names "${exporter}"; known are ${KNOWN[signal].join(", ")}. It is left out.`);
    return false;
  });
  const protocol = readProtocol(env, signal);
  // Read in any case, so that what is wrong with it is named.
  const to = readDestination(env, signal, protocol, url);
  if (known.includes("none")) return { own: undefined, others: [] };
  const isOtlp = known.includes("otlp");
  const others = known.flatMap((exporter) => otherExporter(env, exporter) ?? []);
  if (isOtlp && protocol !== "http/protobuf") others.push({ kind: protocol, to });
  if (signal === "logs" && others.length > 0)
    env.fault(
      `log lines go by OTLP over http/protobuf only; ${others.map(({ kind }) => kind).join(" and ")} gets records of the Logs API alone.`,
    );
  return { own: isOtlp && protocol === "http/protobuf" ? to : undefined, others };
}

function readProtocol(env: EnvReader, signal: Signal): Protocol {
  const own = `OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_PROTOCOL`;
  const name = env.text(own) === undefined ? "OTEL_EXPORTER_OTLP_PROTOCOL" : own;
  return env.choice(name, PROTOCOLS, "http/protobuf");
}

function otherExporter(env: EnvReader, name: string): OtherExporter | undefined {
  switch (name) {
    case "console":
      return { kind: "console" };
    case "zipkin":
      return {
        kind: "zipkin",
        url: env.text("OTEL_EXPORTER_ZIPKIN_ENDPOINT") ?? "http://localhost:9411/api/v2/spans",
      };
    case "prometheus":
      return {
        kind: "prometheus",
        host: env.text("OTEL_EXPORTER_PROMETHEUS_HOST") ?? "localhost",
        port: env.port("OTEL_EXPORTER_PROMETHEUS_PORT", 9464),
      };
    default:
      return undefined;
  }
}
