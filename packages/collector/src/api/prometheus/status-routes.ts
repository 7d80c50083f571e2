import { format, parse } from "@tocsin/promql";
import type { Router } from "express";
import { answering } from "./answer.js";
import type { MetricsCatalogue } from "./catalogue.js";
import { Params } from "./params.js";

/** The version of Prometheus whose API and PromQL this is; clients choose their features by it. */
const API_VERSION = "3.5.0";

/** `status/buildinfo`, `status/tsdb` and `format_query`. */
export function statusRoutes(router: Router, catalogue: MetricsCatalogue, version: string): void {
  router.get(
    "/status/buildinfo",
    answering(() => ({
      data: {
        application: "Tocsin",
        version: API_VERSION,
        revision: version,
        branch: "",
        buildUser: "",
        buildDate: "",
        goVersion: "",
      },
    })),
  );
  router.get(
    "/status/tsdb",
    answering((request) => {
      const { series, labels, metrics } = catalogue.cardinality(new Params(request).limit() || 10);
      return {
        data: {
          headStats: { numSeries: series },
          seriesCountByMetricName: metrics.map(([name, value]) => ({ name, value })),
          labelValueCountByLabelName: labels.map(({ name, values }) => ({ name, value: values })),
        },
      };
    }),
  );
  const formatQuery = answering((request) => ({
    data: format(parse(new Params(request).text("query"))),
  }));
  router.get("/format_query", formatQuery);
  router.post("/format_query", formatQuery);
}
