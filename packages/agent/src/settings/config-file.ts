// One piece, longer than others, because it is one walk over one document: every key is in the place where it is in the file.
import { readFileSync } from "node:fs";
import type { Attributes, AttributeValue } from "@opentelemetry/api";
import type { Env } from "./env.js";
import { parseWithReferences } from "./file-references.js";

/** What a configuration file comes to, and what in it was not understood. */
export interface FileSettings {
  readonly env: Env;
  /** Resource attributes that are not text, which an environment variable cannot say. */
  readonly attributes: Attributes;
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
  if (path === undefined || path === "") return { env, attributes: {}, faults: [] };
  try {
    const document = parseWithReferences(read(path), env);
    if (!isMap(document)) throw new Error("it holds no mapping");
    const mapper = new Mapper();
    mapper.document(document);
    const others = Object.entries(env).filter(
      ([name]) => !name.startsWith("OTEL_") || name.startsWith("OTEL_NODE_"),
    );
    return {
      env: { ...Object.fromEntries(others), ...mapper.env },
      attributes: mapper.attributes,
      faults: mapper.faults,
    };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const fault = `OTEL_CONFIG_FILE cannot be used: ${why}. Going on with environment variables.`;
    return { env, attributes: {}, faults: [fault] };
  }
}

type Mapping = Record<string, unknown>;

/** Walks the document; every key is either mapped or named as a fault. */
class Mapper {
  readonly env: Record<string, string> = {};
  readonly attributes: Record<string, AttributeValue> = {};
  readonly faults: string[] = [];

  document(root: Mapping): void {
    if (!FORMATS.test(String(root.file_format)))
      this.faults.push('OTEL_CONFIG_FILE: file_format should be "1.0"; reading it as that.');
    this.each("", root, {
      file_format: () => {},
      disabled: (value) => this.set("OTEL_SDK_DISABLED", value),
      log_level: (value) => this.set("OTEL_LOG_LEVEL", String(value).replace(/\d$/, "")),
      resource: (value) => this.resource(value),
      propagator: (value) => this.propagator(value),
      attribute_limits: (value) => this.limits("attribute_limits", "OTEL", value),
      tracer_provider: (value) => this.tracer(value),
      meter_provider: (value) => this.meter(value),
      logger_provider: (value) => this.logger(value),
      "instrumentation/development": (value) => this.instrumentation(value),
    });
  }

  private instrumentation(value: unknown): void {
    const path = "instrumentation/development";
    const side = (name: string) => (options: unknown) => {
      const capture = (part: string) => (list: unknown) =>
        this.append(
          `OTEL_INSTRUMENTATION_HTTP_${name.toUpperCase()}_CAPTURE_${part}_HEADERS`,
          Array.isArray(list) ? list.map(String) : [],
        );
      this.each(`${path}.general.http.${name}`, options, {
        request_captured_headers: capture("REQUEST"),
        response_captured_headers: capture("RESPONSE"),
      });
    };
    this.each(path, value, {
      general: (general) =>
        this.each(`${path}.general`, general, {
          http: (http) =>
            this.each(`${path}.general.http`, http, { client: side("client"), server: side("server") }),
        }),
    });
  }

  private resource(value: unknown): void {
    this.each("resource", value, {
      attributes: (list) => {
        const pairs = (Array.isArray(list) ? list : []).filter(isMap);
        for (const { name, value: own } of pairs)
          if (typeof own === "string")
            this.append("OTEL_RESOURCE_ATTRIBUTES", [`${String(name)}=${encodeURIComponent(own)}`]);
          else if (own !== null && own !== undefined) this.attributes[String(name)] = own as AttributeValue;
      },
      attributes_list: (list) => this.append("OTEL_RESOURCE_ATTRIBUTES", listed(list)),
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
                timeout: (timeout) => this.set("OTEL_METRIC_EXPORT_TIMEOUT", timeout),
                exporter: (exporter) =>
                  this.exporter("meter_provider.readers.periodic.exporter", "METRICS", exporter),
              }),
            pull: (pull) =>
              this.each("meter_provider.readers.pull", pull, {
                exporter: (exporter) => this.pulled("meter_provider.readers.pull.exporter", exporter),
              }),
          });
      },
      exemplar_filter: (filter) => this.set("OTEL_METRICS_EXEMPLAR_FILTER", filter),
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

  private pulled(path: string, value: unknown): void {
    const prometheus = (options: unknown): void => {
      this.append("OTEL_METRICS_EXPORTER", ["prometheus"]);
      this.each(`${path}.prometheus`, options ?? {}, {
        host: (host) => this.set("OTEL_EXPORTER_PROMETHEUS_HOST", host),
        port: (port) => this.set("OTEL_EXPORTER_PROMETHEUS_PORT", port),
      });
    };
    this.each(path, value, { "prometheus/development": prometheus, prometheus });
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
              .filter((item) => isMap(item) && item.value !== null)
              .map(({ name, value: header }) => `${String(name)}=${encodeURIComponent(String(header))}`),
          ),
        headers_list: (list) => this.append(`${own}_HEADERS`, listed(list)),
        temporality_preference: (preference) => this.set(`${own}_TEMPORALITY_PREFERENCE`, preference),
        default_histogram_aggregation: (aggregation) =>
          this.set(`${own}_DEFAULT_HISTOGRAM_AGGREGATION`, aggregation),
        tls: (tls) =>
          this.each(`${path}.tls`, tls, {
            ca_file: (file) => this.set(`${own}_CERTIFICATE`, file),
            cert_file: (file) => this.set(`${own}_CLIENT_CERTIFICATE`, file),
            key_file: (file) => this.set(`${own}_CLIENT_KEY`, file),
            insecure: (flag) => this.set(`${own}_INSECURE`, flag),
            // The same by the names of earlier formats.
            certificate_file: (file) => this.set(`${own}_CERTIFICATE`, file),
            client_certificate_file: (file) => this.set(`${own}_CLIENT_CERTIFICATE`, file),
            client_key_file: (file) => this.set(`${own}_CLIENT_KEY`, file),
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
    const ratioBased = (options: unknown): void => {
      this.set("OTEL_TRACES_SAMPLER", `${prefix}traceidratio`);
      this.each(`${path}.ratio`, options ?? {}, {
        ratio: (ratio) => this.set("OTEL_TRACES_SAMPLER_ARG", ratio),
      });
    };
    this.each(path, value, {
      always_on: () => this.set("OTEL_TRACES_SAMPLER", `${prefix}always_on`),
      always_off: () => this.set("OTEL_TRACES_SAMPLER", `${prefix}always_off`),
      trace_id_ratio_based: ratioBased,
      "probability/development": ratioBased,
      parent_based: (options) =>
        this.each(`${path}.parent_based`, options ?? {}, {
          root: (root) => this.sampler(root, "parentbased_"),
          ...Object.fromEntries(
            Object.entries(UNDER_A_PARENT).map(([key, only]) => [
              key,
              (own: unknown) => {
                if (isMap(own) && Object.keys(own)[0] !== only)
                  this.faults.push(`OTEL_CONFIG_FILE: ${path}.parent_based.${key} can only be ${only}.`);
              },
            ]),
          ),
        }),
    });
  }

  private limits(path: string, prefix: string, value: unknown): void {
    this.each(path, value, {
      attribute_value_length_limit: (limit) => this.set(`${prefix}_ATTRIBUTE_VALUE_LENGTH_LIMIT`, limit),
      attribute_count_limit: (limit) => this.set(`${prefix}_ATTRIBUTE_COUNT_LIMIT`, limit),
      ...(prefix !== "OTEL_SPAN"
        ? {}
        : {
            event_count_limit: (limit: unknown) => this.set("OTEL_SPAN_EVENT_COUNT_LIMIT", limit),
            link_count_limit: (limit: unknown) => this.set("OTEL_SPAN_LINK_COUNT_LIMIT", limit),
            event_attribute_count_limit: (limit: unknown) =>
              this.set("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", limit),
            link_attribute_count_limit: (limit: unknown) =>
              this.set("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", limit),
          }),
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

/** What a parent's decision means here, which is OpenTelemetry's default. */
const UNDER_A_PARENT: Readonly<Record<string, string>> = {
  remote_parent_sampled: "always_on",
  remote_parent_not_sampled: "always_off",
  local_parent_sampled: "always_on",
  local_parent_not_sampled: "always_off",
};

/** Formats whose keys are read as they stand. */
const FORMATS = /^(0\.[34]|1\.\d)/;

/** A list in one text; a reference to a variable that is not set is nothing. */
function listed(list: unknown): string[] {
  return list === null || list === undefined ? [] : [String(list)];
}

function isMap(value: unknown): value is Mapping {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function readText(path: string): string {
  return readFileSync(path, "utf8");
}
