import { type Labels, messageOf, type UnixMs } from "@tocsin/model";
import { type Mask, maskError } from "@tocsin/model/config";
import {
  type Annotations,
  type InstantResult,
  MatrixResult,
  PromQLError,
  type PromQLErrorCode,
  type Queryable,
  type QueryOptions,
  type RangeResult,
  type ResultJson,
  ScalarResult,
  StringResult,
  VectorResult,
} from "@tocsin/promql";

export interface RemotePrometheusOptions {
  /** What comes before `/api/v1/query`. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** Hides what is secret in a request: some servers say in their errors what they were sent. */
  readonly mask?: Mask;
  readonly fetch?: typeof fetch;
}

interface Answer {
  readonly status: "success" | "error";
  readonly data?: ResultJson;
  readonly errorType?: string;
  readonly error?: string;
  readonly warnings?: readonly string[];
  readonly infos?: readonly string[];
}

/**
 * A Prometheus-compatible server (Prometheus, Mimir, Thanos, VictoriaMetrics) as something that answers PromQL, so that
 * rules, SLOs and the page may ask it instead of our own engine.
 *
 * Queries throw a {PromQLError}: `parse` for what it calls bad data, `timeout` when it takes too long or is away, else
 * `eval`. Results that are native histograms are not read (`unsupported`): its API gives buckets without their schema.
 */
export class RemotePrometheus implements Queryable {
  readonly #options: RemotePrometheusOptions;
  readonly #fetch: typeof fetch;
  readonly #mask: Mask;

  constructor(options: RemotePrometheusOptions) {
    this.#options = options;
    this.#fetch = options.fetch ?? fetch;
    this.#mask = options.mask ?? ((text) => text);
  }

  async instantQuery(query: string, tMs: UnixMs, options: QueryOptions = {}): Promise<InstantResult> {
    const { data, annotations } = await this.#ask("query", { query, time: String(tMs / 1_000) }, options);
    switch (data.resultType) {
      case "vector":
        return new VectorResult(
          data.result.map(({ metric, value }) => {
            const [seconds, text] = value ?? noHistograms();
            return { labels: metric, tMs: Math.round(seconds * 1_000), value: numberOf(text) };
          }),
          annotations,
        );
      case "scalar":
        return new ScalarResult(tMs, numberOf(data.result[1]), annotations);
      case "string":
        return new StringResult(tMs, data.result[1], annotations);
      case "matrix":
        return matrixOf(data.result, annotations);
    }
  }

  async rangeQuery(
    query: string,
    startMs: UnixMs,
    endMs: UnixMs,
    stepMs: number,
    options: QueryOptions = {},
  ): Promise<RangeResult> {
    const form = {
      query,
      start: String(startMs / 1_000),
      end: String(endMs / 1_000),
      step: String(stepMs / 1_000),
    };
    const { data, annotations } = await this.#ask("query_range", form, options);
    if (data.resultType === "matrix") return matrixOf(data.result, annotations);
    throw fault("PROMQL_EVAL", `The metrics engine answered a range query with a ${data.resultType}.`);
  }

  async #ask(
    path: string,
    form: Record<string, string>,
    { signal, timeoutMs }: QueryOptions,
  ): Promise<{ data: ResultJson; annotations: Annotations }> {
    const limitMs = Math.min(timeoutMs ?? this.#options.timeoutMs, this.#options.timeoutMs);
    const timeout = AbortSignal.timeout(limitMs);
    let status: number;
    let answer: Answer;
    try {
      const response = await this.#fetch(`${this.#options.url.replace(/\/$/, "")}/api/v1/${path}`, {
        method: "POST",
        body: new URLSearchParams(form),
        headers: this.#options.headers,
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      });
      status = response.status;
      answer = readAnswer(await response.text(), status);
    } catch (error) {
      if (error instanceof PromQLError) throw maskError(error, this.#mask);
      if (signal?.aborted) throw fault("PROMQL_ABORTED", "The query was given up.", error);
      const cause = error instanceof Error && error.cause ? messageOf(error.cause) : messageOf(error);
      const reason = timeout.aborted ? `no answer within ${limitMs / 1_000} s` : cause;
      throw fault("PROMQL_TIMEOUT", `The metrics engine could not be asked: ${reason}.`, error);
    }
    const { data, warnings = [], infos = [] } = answer;
    if (answer.status === "success" && data !== undefined) return { data, annotations: { warnings, infos } };
    const said = this.#mask(answer.error ?? `The metrics engine answered ${status}.`);
    throw fault(codeOf(answer.errorType), said);
  }
}

function readAnswer(text: string, status: number): Answer {
  try {
    return JSON.parse(text) as Answer;
  } catch (error) {
    // Proxies in between answer in their own words.
    throw fault(
      status >= 500 ? "PROMQL_TIMEOUT" : "PROMQL_EVAL",
      `The metrics engine answered ${status}: ${text.slice(0, 200)}`,
      error,
    );
  }
}

function matrixOf(
  result: Extract<ResultJson, { resultType: "matrix" }>["result"],
  annotations: Annotations,
): MatrixResult {
  const series = result.map(
    ({
      metric,
      values,
      histograms,
    }: {
      metric: Labels;
      values?: readonly (readonly [number, string])[];
      histograms?: unknown;
    }) => {
      const points = values ?? (histograms === undefined ? [] : noHistograms());
      return {
        labels: metric,
        timestamps: Float64Array.from(points, ([seconds]) => Math.round(seconds * 1_000)),
        values: Float64Array.from(points, ([, text]) => numberOf(text)),
        histograms: [],
      };
    },
  );
  return new MatrixResult(series, annotations);
}

function noHistograms(): never {
  throw fault(
    "PROMQL_UNSUPPORTED",
    "The metrics engine answered with native histograms, which cannot be read over its API. Take a number of them, such as histogram_quantile(0.99, …).",
  );
}

function codeOf(errorType: string | undefined): PromQLErrorCode {
  if (errorType === "bad_data") return "PROMQL_PARSE";
  return errorType === "timeout" || errorType === "unavailable" ? "PROMQL_TIMEOUT" : "PROMQL_EVAL";
}

function fault(code: PromQLErrorCode, message: string, cause?: unknown): PromQLError {
  return new PromQLError(code, message, { cause, retryable: code === "PROMQL_TIMEOUT" });
}

function numberOf(text: string): number {
  if (text === "+Inf") return Number.POSITIVE_INFINITY;
  return text === "-Inf" ? Number.NEGATIVE_INFINITY : Number(text);
}
