import type { Labels } from "@tocsin/model";
import { formatFloat, NO_ANNOTATIONS } from "@tocsin/promql";
import type { Request, Router } from "express";
import { type Answer, ApiError, answering, invalidParameter } from "./answer.js";
import type { MetricsCatalogue, TimeRange } from "./catalogue.js";
import { unescapeName } from "./escaped-name.js";
import { Params } from "./params.js";
import { TRUNCATED } from "./query-routes.js";
import { readSelectors, selectorsIn } from "./selector.js";

/** `series`, `labels`, `label/<name>/values`, `metadata` and `query_exemplars`. */
export function seriesRoutes(router: Router, catalogue: MetricsCatalogue): void {
  const series = answering((request) => listSeries(new Params(request), catalogue));
  const labels = answering((request) => listLabels(new Params(request), catalogue));
  const exemplars = answering((request) => listExemplars(new Params(request), catalogue));
  router.get("/series", series);
  router.post("/series", series);
  router.get("/labels", labels);
  router.post("/labels", labels);
  router.get(
    "/label/:name/values",
    answering((request) => listValues(request, catalogue)),
  );
  router.get(
    "/metadata",
    answering((request) => listMetadata(new Params(request), catalogue)),
  );
  router.get("/query_exemplars", exemplars);
  router.post("/query_exemplars", exemplars);
}

async function listSeries(params: Params, catalogue: MetricsCatalogue): Promise<Answer> {
  const limit = params.limit();
  const texts = params.all("match[]");
  if (texts.length === 0) throw new ApiError("bad_data", "no match[] parameter provided");
  const range = timeRange(params);
  const found = await catalogue.series(readSelectors(texts), range);
  return limited(uniqueSorted(found), limit);
}

async function listLabels(params: Params, catalogue: MetricsCatalogue): Promise<Answer> {
  const limit = params.limit();
  const range = timeRange(params);
  return limited(await catalogue.labelNames(readSelectors(params.all("match[]")), range), limit);
}

async function listValues(request: Request, catalogue: MetricsCatalogue): Promise<Answer> {
  const params = new Params(request);
  const limit = params.limit();
  const name = unescapeName(String(request.params.name));
  if (name === "") throw new ApiError("bad_data", `invalid label name: ${JSON.stringify(name)}`);
  const range = timeRange(params);
  return limited(await catalogue.labelValues(name, readSelectors(params.all("match[]")), range), limit);
}

function listMetadata(params: Params, catalogue: MetricsCatalogue): Answer {
  const limit = params.limit();
  const perMetric = params.limit("limit_per_metric");
  const metric = params.text("metric");
  const data: Record<string, unknown> = {};
  let count = 0;
  for (const [name, list] of catalogue.metadata()) {
    if (metric !== "" && name !== metric) continue;
    if (limit > 0 && count === limit) break;
    data[name] = perMetric > 0 ? list.slice(0, perMetric) : list;
    count++;
  }
  return { data };
}

function listExemplars(params: Params, catalogue: MetricsCatalogue): Answer {
  const range = { startMs: params.requiredTime("start"), endMs: params.requiredTime("end") };
  if (range.endMs < range.startMs) {
    throw new ApiError("bad_data", "end timestamp must not be before start timestamp");
  }
  const found = catalogue.exemplars(selectorsIn(params.text("query")), range);
  return {
    data: found.map(({ labels, exemplars }) => ({
      seriesLabels: labels,
      exemplars: exemplars.map((exemplar) => ({
        labels: exemplar.labels,
        value: formatFloat(exemplar.value),
        timestamp: exemplar.timeMs / 1_000,
      })),
    })),
  };
}

function timeRange(params: Params): TimeRange {
  const range = {
    startMs: params.time("start", Number.NEGATIVE_INFINITY),
    endMs: params.time("end", Number.POSITIVE_INFINITY),
  };
  if (range.endMs < range.startMs) {
    throw invalidParameter("end", "end timestamp must not be before start timestamp");
  }
  return range;
}

function limited<T>(list: readonly T[], limit: number): Answer {
  if (limit === 0 || list.length <= limit) return { data: list };
  return { data: list.slice(0, limit), annotations: { ...NO_ANNOTATIONS, warnings: [TRUNCATED] } };
}

function uniqueSorted(list: readonly Labels[]): readonly Labels[] {
  const byKey = new Map<string, Labels>();
  for (const labels of list) byKey.set(sortKey(labels), labels);
  return [...byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, labels]) => labels);
}

/** Orders as Prometheus does: pair by pair, names first. */
function sortKey(labels: Labels): string {
  let key = "";
  for (const name of Object.keys(labels).sort()) key += `${name}\u0001${labels[name]}\u0001`;
  return key;
}
