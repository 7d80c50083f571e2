import { ManualClock } from "@tocsin/model/testing";
import { Engine } from "@tocsin/promql";
import express from "express";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ServedApp, serveApp } from "../../../test/serve-app.js";
import { Head } from "../../head/index.js";
import { headCatalogue, historyCatalogue, prometheusRoutes } from "./index.js";
import type { RulesView, TargetsView } from "./rules-view.js";

const NOW = 1_790_000_000_000;
const NOW_S = NOW / 1_000;

const alert = {
  labels: { alertname: "Burning", service: "checkout" },
  annotations: {},
  state: "firing",
  value: "1e+00",
} as const;
const ruleBase = {
  query: "vector(1)",
  labels: { team: "shop" },
  health: "ok",
  evaluationTime: 0,
  lastEvaluation: "",
};
const rules: RulesView = {
  groups: () => [
    {
      name: "g",
      file: "rules.yml",
      interval: 60,
      limit: 0,
      evaluationTime: 0,
      lastEvaluation: "",
      rules: [
        { ...ruleBase, health: "ok", type: "recording", name: "job:reqs:rate5m" },
        {
          ...ruleBase,
          health: "ok",
          type: "alerting",
          name: "Burning",
          state: "firing",
          duration: 60,
          keepFiringFor: 0,
          annotations: {},
          alerts: [alert],
        },
      ],
    },
  ],
  alerts: () => [alert],
};
const targets: TargetsView = {
  active: () => [],
  dropped: () => [{ discoveredLabels: { __address__: "x:1" }, scrapePool: "node" }],
};

let served: ServedApp;
let base = "";

beforeAll(async () => {
  const clock = new ManualClock(NOW);
  const head = new Head(
    { retentionMs: 3 * 3_600_000, outOfOrderMs: 600_000, maxSeries: 1_000, maxLabels: 32 },
    { clock },
  );
  for (let step = 0; step <= 40; step++) {
    const timeMs = NOW - 600_000 + step * 15_000;
    for (const code of ["200", "500"]) {
      head.appendSamples([
        {
          labels: { __name__: "http_requests_total", job: "api", code },
          timeMs,
          value: step * (code === "200" ? 150 : 15),
        },
      ]);
    }
    head.appendSamples([{ labels: { __name__: "istio.requests", job: "mesh" }, timeMs, value: 1 }]);
  }
  head.metadata.set("http_requests_total", "counter", "Requests.", "");
  const [series] = head.index.all();
  head.appendExemplar(series!, { labels: { trace_id: "abc" }, value: 0.4, timeMs: NOW - 30_000 });
  const app = express().use(
    "/prometheus",
    prometheusRoutes({
      queryable: new Engine().over(head),
      catalogue: headCatalogue(head),
      storage: head,
      clock,
      maxQueryMs: 60_000,
      rules,
      targets,
      version: "0.1.0",
    }),
  );
  served = await serveApp(app);
  base = `${served.url}/prometheus`;
});
afterAll(() => served.close());

async function get(path: string) {
  const response = await fetch(base + path);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function post(path: string, form: string) {
  const response = await fetch(base + path, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: form,
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

/** The same with values to nine digits: rates are sums of floats. */
function rounded(body: unknown): unknown {
  return JSON.parse(JSON.stringify(body), (_key, value) =>
    typeof value === "string" && /^\d+\.\d{9,}$/.test(value)
      ? String(Number(Number(value).toPrecision(9)))
      : value,
  );
}

const metric = (code: string) => ({ __name__: "http_requests_total", code, job: "api" });

describe("requests as clients send them", () => {
  test("Grafana's test of a data source", async () => {
    const { status, body } = await post("/api/v1/query", "query=1%2B1&time=4");
    expect(status).toBe(200);
    expect(body).toEqual({ status: "success", data: { resultType: "scalar", result: [4, "2"] } });
  });

  test("Grafana's panel: a range by POST form", async () => {
    const query = encodeURIComponent('sum(rate(http_requests_total{job=~"api|web"}[1m0s])) by (code)');
    const { body } = await post(
      "/api/v1/query_range",
      `query=${query}&start=${NOW_S - 60}&end=${NOW_S}&step=30`,
    );
    expect(rounded(body)).toEqual({
      status: "success",
      data: {
        resultType: "matrix",
        result: [
          {
            metric: { code: "200" },
            values: [
              [NOW_S - 60, "10"],
              [NOW_S - 30, "10"],
              [NOW_S, "10"],
            ],
          },
          {
            metric: { code: "500" },
            values: [
              [NOW_S - 60, "1"],
              [NOW_S - 30, "1"],
              [NOW_S, "1"],
            ],
          },
        ],
      },
    });
  });

  test("Grafana's variables and metric browser", async () => {
    const range = `start=${NOW_S - 3_600}&end=${NOW_S}`;
    expect((await get(`/api/v1/label/__name__/values?${range}`)).body.data).toEqual([
      "http_requests_total",
      "istio.requests",
    ]);
    const values = await get(
      `/api/v1/label/code/values?${range}&match[]=http_requests_total%7Bjob%3D%22api%22%7D`,
    );
    expect(values.body.data).toEqual(["200", "500"]);
    expect((await post("/api/v1/labels", `${range}&match%5B%5D=http_requests_total`)).body.data).toEqual([
      "__name__",
      "code",
      "job",
    ]);
    const series = await post(
      "/api/v1/series",
      `${range}&match[]=%7Bjob%3D%22api%22%7D&match[]=http_requests_total`,
    );
    expect(series.body.data).toEqual([metric("200"), metric("500")]);
    expect((await get("/api/v1/metadata?metric=http_requests_total")).body.data).toEqual({
      http_requests_total: [{ type: "counter", help: "Requests.", unit: "" }],
    });
  });

  test("Grafana's exemplars", async () => {
    const query = encodeURIComponent("rate(http_requests_total[5m])");
    const { body } = await get(`/api/v1/query_exemplars?query=${query}&start=${NOW_S - 3_600}&end=${NOW_S}`);
    expect(body.data).toEqual([
      {
        seriesLabels: metric("200"),
        exemplars: [{ labels: { trace_id: "abc" }, value: "0.4", timestamp: NOW_S - 30 }],
      },
    ]);
  });

  test("KEDA's scaler: one sample at an RFC 3339 time", async () => {
    const query = encodeURIComponent("sum(rate(http_requests_total[2m]))");
    const time = new Date(NOW).toISOString().replace(".000", "");
    const { body } = await get(`/api/v1/query?query=${query}&time=${encodeURIComponent(time)}`);
    expect(rounded(body.data)).toEqual({
      resultType: "vector",
      result: [{ metric: {}, value: [NOW_S, "11"] }],
    });
  });

  test("Flagger's check that the server is there, and its success rate", async () => {
    expect((await get("/api/v1/query?query=vector(1)")).body.data).toEqual({
      resultType: "vector",
      result: [{ metric: {}, value: [NOW_S, "1"] }],
    });
    const query = `sum(rate(http_requests_total{job="api",code!~"5.*"}[1m])) / sum(rate(http_requests_total{job="api"}[1m])) * 100`;
    const { body } = await get(`/api/v1/query?query=${encodeURIComponent(query)}`);
    expect((body.data as { result: { value: [number, string] }[] }).result[0]!.value[1]).toMatch(/^90\.9/);
  });

  test("Argo Rollouts' analysis, as Prometheus's Go client posts it", async () => {
    const form = `query=${encodeURIComponent("scalar(count(http_requests_total))")}&time=${NOW_S}.123`;
    expect((await post("/api/v1/query", form)).body.data).toEqual({
      resultType: "scalar",
      result: [NOW_S + 0.123, "2"],
    });
  });

  test("buildinfo tells features by version", async () => {
    expect((await get("/api/v1/status/buildinfo")).body.data).toMatchObject({
      version: expect.stringMatching(/^3\./),
    });
  });
});

describe("errors", () => {
  const range = `start=${NOW_S - 60}&end=${NOW_S}`;
  test.each([
    [
      "/api/v1/query?query=up&time=foo",
      400,
      "bad_data",
      'invalid parameter "time": cannot parse "foo" to a valid timestamp',
    ],
    [
      "/api/v1/query_range?query=up&end=1&step=1",
      400,
      "bad_data",
      'invalid parameter "start": cannot parse "" to a valid timestamp',
    ],
    [
      "/api/v1/query_range?query=up&start=2&end=1&step=1",
      400,
      "bad_data",
      'invalid parameter "end": end timestamp must not be before start time',
    ],
    [
      `/api/v1/query_range?query=up&${range}&step=x`,
      400,
      "bad_data",
      'invalid parameter "step": cannot parse "x" to a valid duration',
    ],
    [
      `/api/v1/query_range?query=up&${range}&step=0`,
      400,
      "bad_data",
      'invalid parameter "step": zero or negative query resolution step widths are not accepted. Try a positive integer',
    ],
    [
      "/api/v1/query_range?query=up&start=0&end=11001&step=1",
      400,
      "bad_data",
      "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
    ],
    ["/api/v1/series", 400, "bad_data", "no match[] parameter provided"],
    [
      "/api/v1/series?match[]=%7Bx%3D~%22.*%22%7D",
      400,
      "bad_data",
      'invalid parameter "match[]": match[] must contain at least one non-empty matcher',
    ],
    ["/api/v1/rules?type=x", 400, "bad_data", 'invalid parameter "type": not supported value "x"'],
  ])("%s is %i %s", async (path, status, errorType, error) => {
    const answer = await get(path);
    expect(answer.body).toEqual({ status: "error", errorType, error });
    expect(answer.status).toBe(status);
  });

  test("a query that does not parse tells where", async () => {
    const { status, body } = await get(`/api/v1/query?query=${encodeURIComponent("sum(rate(up[5m])")}`);
    expect(status).toBe(400);
    expect(body.errorType).toBe("bad_data");
    expect(body.error).toMatch(/^invalid parameter "query": 1:\d+: parse error: /);
  });

  test("a query that cannot be evaluated is 422", async () => {
    const query = encodeURIComponent("http_requests_total * on (job) http_requests_total");
    const { status, body } = await get(`/api/v1/query?query=${query}`);
    expect(status).toBe(422);
    expect(body.errorType).toBe("execution");
    expect(body.error).toContain("many-to-many matching not allowed");
  });
});

test("warnings and infos stand beside the data", async () => {
  const { body } = await get(
    `/api/v1/query?query=${encodeURIComponent("rate(istio_gauge[5m]) + quantile(2, http_requests_total)")}`,
  );
  expect(body.status).toBe("success");
  expect(body.warnings).toEqual([expect.stringContaining("quantile")]);
});

test("a limit cuts and says so", async () => {
  const { body } = await get("/api/v1/query?query=http_requests_total&limit=1");
  expect((body.data as { result: unknown[] }).result).toHaveLength(1);
  expect(body.warnings).toEqual(["results truncated due to limit"]);
});

test("names that no path holds come escaped", async () => {
  const { body } = await get("/api/v1/label/U__job/values?match[]=%7B%22istio.requests%22%7D");
  expect(body.data).toEqual(["mesh"]);
});

test("rules can be filtered, alerts and targets are listed", async () => {
  const names = async (filter: string) => {
    const { body } = await get(`/api/v1/rules?${filter}`);
    const { groups } = body.data as { groups: { rules: { name: string }[] }[] };
    return groups.flatMap((group) => group.rules.map(({ name }) => name));
  };
  expect(await names("")).toEqual(["job:reqs:rate5m", "Burning"]);
  expect(await names("type=alert")).toEqual(["Burning"]);
  expect(await names("rule_name[]=job:reqs:rate5m")).toEqual(["job:reqs:rate5m"]);
  expect(await names("rule_group[]=other")).toEqual([]);
  expect(await names("match[]=%7Bteam%3D%22shop%22%7D&type=record")).toEqual(["job:reqs:rate5m"]);
  expect((await get("/api/v1/alerts")).body.data).toEqual({ alerts: [alert] });
  expect((await get("/api/v1/targets?state=dropped")).body.data).toEqual({
    activeTargets: [],
    droppedTargets: [{ discoveredLabels: { __address__: "x:1" }, scrapePool: "node" }],
    droppedTargetCounts: { node: 1 },
  });
});

test("federate gives the newest samples, with times and types", async () => {
  const selectors = `match[]=${encodeURIComponent('{job=~"api|mesh"}')}&match[]=http_requests_total`;
  const federate = (accept: string) => fetch(`${base}/federate?${selectors}`, { headers: { accept } });
  const response = await federate("text/plain;version=0.0.4;escaping=allow-utf-8");
  expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  expect(await response.text()).toBe(
    [
      "# TYPE http_requests_total counter",
      `http_requests_total{code="200",job="api"} 6000 ${NOW}`,
      `http_requests_total{code="500",job="api"} 600 ${NOW}`,
      '# TYPE "istio.requests" untyped',
      `{"istio.requests",job="mesh"} 1 ${NOW}`,
      "",
    ].join("\n"),
  );
  expect(await (await federate("text/plain")).text()).toContain('istio_requests{job="mesh"} 1');
  expect((await fetch(`${base}/federate?match[]=)`)).status).toBe(400);
});

test("queries are formatted", async () => {
  const { body } = await post(
    "/api/v1/format_query",
    "query=sum%20by(job)(rate(up%7Bjob%3D%22a%22%7D%5B5m%5D))",
  );
  expect(body.data).toBe('sum by (job) (rate(up{job="a"}[5m]))');
  expect((await get("/api/v1/format_query?query=sum(")).status).toBe(400);
});

describe("what is older than memory", () => {
  const clock = new ManualClock(NOW);
  const older = [{ __name__: "gone_total", job: "old" }];
  const asked: unknown[] = [];
  const catalogue = headCatalogue(
    new Head({ retentionMs: 3_600_000, outOfOrderMs: 0, maxSeries: 1, maxLabels: 9 }, { clock }),
    historyCatalogue(
      () => ({
        async labelSets(...about) {
          asked.push(about);
          return older;
        },
        async labelNames(...about) {
          asked.push(about);
          return ["job", "__name__"];
        },
        async labelValues(...about) {
          asked.push(about);
          return ["old"];
        },
      }),
      clock,
    ),
  );

  test("is asked for only when the range reaches back", async () => {
    const recent = { startMs: NOW, endMs: NOW };
    expect(await catalogue.series([], recent)).toEqual([]);
    expect(asked).toEqual([]);
    const all = { startMs: Number.NEGATIVE_INFINITY, endMs: Number.POSITIVE_INFINITY };
    expect(await catalogue.series([], all)).toEqual(older);
    expect(await catalogue.labelNames([], all)).toEqual(["__name__", "job"]);
    expect(await catalogue.labelValues("job", [], all)).toEqual(["old"]);
    expect(asked).toEqual([
      [[], 0, NOW],
      [[], 0, NOW],
      ["job", [], 0, NOW],
    ]);
  });
});
