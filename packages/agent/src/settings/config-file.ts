import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Env } from "./env.js";

/** What a configuration file comes to, and what in it was not understood. */
export interface FileSettings {
  readonly env: Env;
  readonly faults: readonly string[];
}

/**
 * Reads OpenTelemetry's declarative configuration (`OTEL_CONFIG_FILE`) as the environment variables that say the same,
 * so that there is one way to every setting. As the specification has it, a file replaces the `OTEL_` variables instead
 * of adding to them. What has no counterpart here is named.
 *
 * @see https://opentelemetry.io/docs/specs/otel/configuration/
 */
export function readConfigFile(env: Env, read: (path: string) => string = readText): FileSettings {
  const path = env.OTEL_CONFIG_FILE?.trim() || env.OTEL_EXPERIMENTAL_CONFIG_FILE?.trim();
  if (path === undefined || path === "") return { env, faults: [] };
  try {
    const document: unknown = parseYaml(substitute(read(path), env));
    if (!isMap(document)) throw new Error("it holds no mapping");
    const mapper = new Mapper();
    mapper.document(document);
    const others = Object.entries(env).filter(
      ([name]) => !name.startsWith("OTEL_") || name.startsWith("OTEL_NODE_"),
    );
    return { env: { ...Object.fromEntries(others), ...mapper.env }, faults: mapper.faults };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { env, faults: [`OTEL_CONFIG_FILE cannot be used: ${why}. Going on with environment variables.`] };
  }
}

type Mapping = Record<string, unknown>;

/** Walks the document; every key is either mapped or named as a fault. */
class Mapper {
  readonly env: Record<string, string> = {};
  readonly faults: string[] = [];

  document(root: Mapping): void {
    this.each("", root, {
      file_format: () => {},
      disabled: (value) => this.set("OTEL_SDK_DISABLED", value),
      resource: (value) => this.resource(value),
      propagator: (value) => this.propagator(value),
      attribute_limits: (value) => this.limits("attribute_limits", "OTEL", value),
      tracer_provider: (value) => this.tracer(value),
      meter_provider: (value) => this.meter(value),
      logger_provider: (value) => this.logger(value),
    });
  }

  private resource(value: unknown): void {
    this.each("resource", value, {
      attributes: (list) => {
        const pairs = (Array.isArray(list) ? list : [])
          .filter(isMap)
          .map(({ name, value: own }) => `${String(name)}=${encodeURIComponent(String(own))}`);
        this.append("OTEL_RESOURCE_ATTRIBUTES", pairs);
      },
      attributes_list: (list) => this.append("OTEL_RESOURCE_ATTRIBUTES", [String(list)]),
      schema_url: () => {},
    });
  }

  private propagator(value: unknown): void {
    this.each("propagator", value, {
      composite: (list) => {
        const names = (Array.isArray(list) ? list : []).map((item) =>
          isMap(item) ? Object.keys(item)[0] : item,
        );
        this.set("OTEL_PROPAGATORS", names.join(","));
      },
      composite_list: (list) => this.set("OTEL_PROPAGATORS", list),
    });
  }

  private tracer(value: unknown): void {
    this.each("tracer_provider", value, {
      processors: (list) => this.processors("tracer_provider.processors", "TRACES", "OTEL_BSP", list),
      limits: (limits) => this.limits("tracer_provider.limits", "OTEL_SPAN", limits),
      sampler: (sampler) => this.sampler(sampler),
    });
  }

  private logger(value: unknown): void {
    this.each("logger_provider", value, {
      processors: (list) => this.processors("logger_provider.processors", "LOGS", "OTEL_BLRP", list),
      limits: (limits) => this.limits("logger_provider.limits", "OTEL_LOGRECORD", limits),
    });
  }

  private meter(value: unknown): void {
    this.each("meter_provider", value, {
      readers: (list) => {
        for (const reader of Array.isArray(list) ? list : [])
          this.each("meter_provider.readers", reader, {
            periodic: (periodic) =>
              this.each("meter_provider.readers.periodic", periodic, {
                interval: (interval) => this.set("OTEL_METRIC_EXPORT_INTERVAL", interval),
                timeout: () => {},
                exporter: (exporter) =>
                  this.exporter("meter_provider.readers.periodic.exporter", "METRICS", exporter),
              }),
          });
      },
    });
  }

  private processors(path: string, signal: string, prefix: string, list: unknown): void {
    for (const processor of Array.isArray(list) ? list : [])
      this.each(path, processor, {
        batch: (batch) =>
          this.each(`${path}.batch`, batch, {
            schedule_delay: (delay) => this.set(`${prefix}_SCHEDULE_DELAY`, delay),
            export_timeout: (timeout) => this.set(`${prefix}_EXPORT_TIMEOUT`, timeout),
            max_queue_size: (size) => this.set(`${prefix}_MAX_QUEUE_SIZE`, size),
            max_export_batch_size: (size) => this.set(`${prefix}_MAX_EXPORT_BATCH_SIZE`, size),
            exporter: (exporter) => this.exporter(`${path}.batch.exporter`, signal, exporter),
          }),
        simple: (simple) =>
          this.each(`${path}.simple`, simple, {
            exporter: (exporter) => this.exporter(`${path}.simple.exporter`, signal, exporter),
          }),
      });
  }

  private exporter(path: string, signal: string, value: unknown): void {
    const otlp = (protocol: string) => (options: unknown) => {
      this.append(`OTEL_${signal}_EXPORTER`, ["otlp"]);
      const own = `OTEL_EXPORTER_OTLP_${signal}`;
      this.set(`${own}_PROTOCOL`, protocol);
      this.each(path, options ?? {}, {
        endpoint: (endpoint) => this.set(`${own}_ENDPOINT`, endpoint),
        encoding: (encoding) => this.set(`${own}_PROTOCOL`, encoding === "json" ? "http/json" : protocol),
        timeout: (timeout) => this.set(`${own}_TIMEOUT`, timeout),
        compression: (compression) => this.set(`${own}_COMPRESSION`, compression),
        headers: (list) =>
          this.append(
            `${own}_HEADERS`,
            (Array.isArray(list) ? list : [])
              .filter(isMap)
              .map(({ name, value: header }) => `${String(name)}=${encodeURIComponent(String(header))}`),
          ),
        headers_list: (list) => this.append(`${own}_HEADERS`, [String(list)]),
        temporality_preference: (preference) => this.set(`${own}_TEMPORALITY_PREFERENCE`, preference),
        default_histogram_aggregation: (aggregation) =>
          this.set(`${own}_DEFAULT_HISTOGRAM_AGGREGATION`, aggregation),
        tls: (tls) =>
          this.each(`${path}.tls`, tls, {
            ca_file: (file) => this.set(`${own}_CERTIFICATE`, file),
            cert_file: (file) => this.set(`${own}_CLIENT_CERTIFICATE`, file),
            key_file: (file) => this.set(`${own}_CLIENT_KEY`, file),
          }),
      });
    };
    this.each(path, value, {
      otlp_http: otlp("http/protobuf"),
      otlp_grpc: otlp("grpc"),
      console: () => this.append(`OTEL_${signal}_EXPORTER`, ["console"]),
    });
  }

  private sampler(value: unknown, prefix = ""): void {
    const path = "tracer_provider.sampler";
    this.each(path, value, {
      always_on: () => this.set("OTEL_TRACES_SAMPLER", `${prefix}always_on`),
      always_off: () => this.set("OTEL_TRACES_SAMPLER", `${prefix}always_off`),
      trace_id_ratio_based: (options) => {
        this.set("OTEL_TRACES_SAMPLER", `${prefix}traceidratio`);
        this.each(`${path}.trace_id_ratio_based`, options ?? {}, {
          ratio: (ratio) => this.set("OTEL_TRACES_SAMPLER_ARG", ratio),
        });
      },
      parent_based: (options) =>
        this.each(`${path}.parent_based`, options ?? {}, {
          root: (root) => this.sampler(root, "parentbased_"),
        }),
    });
  }

  private limits(path: string, prefix: string, value: unknown): void {
    this.each(path, value, {
      attribute_value_length_limit: (limit) => this.set(`${prefix}_ATTRIBUTE_VALUE_LENGTH_LIMIT`, limit),
      attribute_count_limit: (limit) => this.set(`${prefix}_ATTRIBUTE_COUNT_LIMIT`, limit),
      event_count_limit: (limit) => this.set("OTEL_SPAN_EVENT_COUNT_LIMIT", limit),
      link_count_limit: (limit) => this.set("OTEL_SPAN_LINK_COUNT_LIMIT", limit),
      event_attribute_count_limit: () => {},
      link_attribute_count_limit: () => {},
    });
  }

  private set(name: string, value: unknown): void {
    if (value !== undefined && value !== null) this.env[name] = String(value);
  }

  private append(name: string, values: readonly string[]): void {
    if (values.length > 0) this.env[name] = [this.env[name], ...values].filter(Boolean).join(",");
  }

  private each(
    path: string,
    value: unknown,
    known: Readonly<Record<string, (value: unknown) => void>>,
  ): void {
    if (!isMap(value)) {
      if (value !== undefined && value !== null)
        this.faults.push(`OTEL_CONFIG_FILE: ${path} must be a mapping.`);
      return;
    }
    for (const [key, own] of Object.entries(value)) {
      const take = known[key];
      if (take !== undefined) take(own);
      else
        this.faults.push(
          `OTEL_CONFIG_FILE: ${path === "" ? key : `${path}.${key}`} is not supported; known here are ${Object.keys(known).join(", ")}.`,
        );
    }
  }
}

/** `${NAME}`, `${env:NAME}` and `${NAME:-default}`; `$$` is a dollar sign. */
function substitute(text: string, env: Env): string {
  return text.replaceAll(
    /\$\$|\$\{(?:env:)?([A-Za-z_]\w*)(?::-([^}\n]*))?\}/g,
    (match, name: string, fallback) => (match === "$$" ? "$" : (env[name] ?? fallback ?? "")),
  );
}

function isMap(value: unknown): value is Mapping {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function readText(path: string): string {
  return readFileSync(path, "utf8");
}

/** Loaded when there is a file. */
function parseYaml(text: string): unknown {
  const require = createRequire(import.meta.url);
  const yaml = require("yaml") as typeof import("yaml");
  return yaml.parse(text);
}
