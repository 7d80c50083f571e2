import type { KnownSeries } from "./check-seen.js";
import type { CollectorClient } from "./client.js";
import { CollectorAnswerError } from "./client.js";

/** Where collectors, and Mimir and its kind, have Prometheus's API, and where Prometheus itself has it. */
const BASES = ["/prometheus/api/v1", "/api/v1"] as const;

/**
 * The series of a running collector or of any other server with Prometheus's API; every question is asked once.
 *
 * @throws {NotReachedError} when nothing answers; {CollectorAnswerError} when what answers has no such API
 */
export async function knownSeries(client: Pick<CollectorClient, "json">): Promise<KnownSeries> {
  const { base, metrics } = await findApi(client);
  const answers = new Map<string, Promise<readonly string[]>>();
  const ask = (path: string) => {
    const known = answers.get(path) ?? client.json<Answer>(`${base}${path}`).then(({ data }) => data ?? []);
    answers.set(path, known);
    return known;
  };
  const of = (metric: string) => `match[]=${encodeURIComponent(`{__name__=${JSON.stringify(metric)}}`)}`;
  return {
    metrics: async () => metrics,
    labels: (metric) => ask(`/labels?${of(metric)}`),
    values: (metric, label) => ask(`/label/${encodeURIComponent(label)}/values?${of(metric)}`),
  };
}

interface Answer {
  readonly data?: readonly string[];
}

async function findApi(
  client: Pick<CollectorClient, "json">,
): Promise<{ base: string; metrics: readonly string[] }> {
  let refused: unknown;
  for (const base of BASES) {
    try {
      const { data } = await client.json<Answer>(`${base}/label/__name__/values`);
      if (Array.isArray(data)) return { base, metrics: data };
    } catch (error) {
      if (!(error instanceof CollectorAnswerError) || error.status !== 404) throw error;
      refused = error;
    }
  }
  throw refused ?? new CollectorAnswerError(404, "What answers there has no Prometheus API.", "");
}
