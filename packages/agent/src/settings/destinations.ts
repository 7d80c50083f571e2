import { readFileSync } from "node:fs";
import type { Destination, Signal } from "../send/protocol.js";
import type { EnvReader } from "./env.js";

/** The protocols of OTLP. Only the first goes the agent's own short way; the others are OpenTelemetry's exporters. */
export const PROTOCOLS = ["http/protobuf", "http/json", "grpc"] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** Where the collector is unless something else is said. */
export const DEFAULT_URL = "http://127.0.0.1:4318";

/** The same for OTLP over gRPC. */
const DEFAULT_GRPC_URL = "http://127.0.0.1:4317";

/**
 * Where a signal goes: its own `OTEL_EXPORTER_OTLP_*` variables, then the common ones, then `TOCSIN_URL`, then the
 * collector on this machine.
 *
 * @param url base URL that code gave, which wins over the environment
 * @see https://opentelemetry.io/docs/specs/otel/protocol/exporter/
 */
export function readDestination(
  env: EnvReader,
  signal: Signal,
  protocol: Protocol,
  url: string | undefined,
): Destination {
  const own = `OTEL_EXPORTER_OTLP_${signal.toUpperCase()}`;
  const either = (part: string): string =>
    `${env.text(`${own}_${part}`) === undefined ? COMMON : own}_${part}`;
  const token = env.text("TOCSIN_TOKEN");
  return {
    url: protocol === "grpc" ? readGrpcUrl(env, own, url) : readUrl(env, signal, own, url),
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...lowerKeys(env.pairs(`${COMMON}_HEADERS`)),
      ...lowerKeys(env.pairs(`${own}_HEADERS`)),
    },
    timeoutMs: Math.min(
      env.timeoutMs(either("TIMEOUT"), 10_000),
      env.timeoutMs(EXPORT_TIMEOUTS[signal], Number.POSITIVE_INFINITY),
    ),
    isGzip: env.choice(either("COMPRESSION"), ["none", "gzip"], "none") === "gzip",
    tls: {
      ...file(env, "ca", either("CERTIFICATE")),
      ...file(env, "cert", either("CLIENT_CERTIFICATE")),
      ...file(env, "key", either("CLIENT_KEY")),
    },
  };
}

const COMMON = "OTEL_EXPORTER_OTLP";

/** What OpenTelemetry's batching bounds an export by. */
const EXPORT_TIMEOUTS: Readonly<Record<Signal, string>> = {
  traces: "OTEL_BSP_EXPORT_TIMEOUT",
  metrics: "OTEL_METRIC_EXPORT_TIMEOUT",
  logs: "OTEL_BLRP_EXPORT_TIMEOUT",
};

/** A signal's own endpoint is taken as it is; a common one is a base that `/v1/…` is put behind. */
function readUrl(env: EnvReader, signal: Signal, own: string, url: string | undefined): string {
  const whole = env.text(`${own}_ENDPOINT`);
  if (url === undefined && whole !== undefined && isUrl(env, `${own}_ENDPOINT`, whole)) return whole;
  const candidates: readonly (readonly [string, string | undefined])[] = [
    ["url", url],
    [`${COMMON}_ENDPOINT`, env.text(`${COMMON}_ENDPOINT`)],
    ["TOCSIN_URL", env.text("TOCSIN_URL")],
  ];
  for (const [name, value] of candidates)
    if (value !== undefined && isUrl(env, name, value)) return `${value.replace(/\/+$/, "")}/v1/${signal}`;
  return `${DEFAULT_URL}/v1/${signal}`;
}

/** gRPC has no paths: endpoints are taken as they are; one without a scheme is secure unless it is said not to be. */
function readGrpcUrl(env: EnvReader, own: string, url: string | undefined): string {
  const name = env.text(`${own}_ENDPOINT`) === undefined ? `${COMMON}_ENDPOINT` : `${own}_ENDPOINT`;
  const given = url ?? env.text(name);
  if (given === undefined) return DEFAULT_GRPC_URL;
  const insecure = `${env.text(`${own}_INSECURE`) === undefined ? COMMON : own}_INSECURE`;
  const whole = given.includes("://") ? given : `${env.flag(insecure, false) ? "http" : "https"}://${given}`;
  return isUrl(env, url === undefined ? name : "url", whole) ? whole : DEFAULT_GRPC_URL;
}

function isUrl(env: EnvReader, name: string, value: string): boolean {
  const isGood = URL.canParse(value) && /^https?:\/\/[^/]/.test(value);
  const fault = `${name} must be an http:// or https:// URL, e.g. ${DEFAULT_URL}; it is left out of account.`;
  if (!isGood) env.fault(fault);
  return isGood;
}

function file(env: EnvReader, key: "ca" | "cert" | "key", name: string): Partial<Destination["tls"]> {
  const path = env.text(name);
  if (path === undefined) return {};
  try {
    return { [key]: readFileSync(path, "utf8") };
  } catch {
    const fault = `${name} names a file that cannot be read; going on without it.`;
    env.fault(fault);
    return {};
  }
}

function lowerKeys(pairs: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(pairs).map(([key, value]) => [key.toLowerCase(), value]));
}
