import { afterAll, beforeAll, expect, test } from "vitest";
import { freePort } from "./support/debian.js";
import { Service } from "./support/service.js";
import { Sink } from "./support/sink.js";

let sink: Sink;
let service: Service;
let url: string;
let port: number;
beforeAll(async () => {
  sink = await Sink.open();
  port = await freePort();
  service = new Service("prom-client.cjs", sink.url, { env: { TOCSIN_METRICS_PORT: String(port) } });
  url = await service.listening();
});
afterAll(async () => {
  await service.stop();
  await sink.close();
});

test("a summary goes out as one, with its quantiles", async () => {
  const summary = await sink.until(() => sink.metrics.get("wait_seconds"));
  expect(summary).toMatchObject({
    kind: "summary",
    description: "Waits.",
    points: [
      {
        attributes: { queue: "till" },
        value: 2,
        sum: 4,
        quantiles: [
          { quantile: 0.5, value: 2 },
          { quantile: 0.9, value: 3 },
        ],
      },
    ],
  });
});

test("metrics of one name in two registries are both there, and one in two registries is there once", async () => {
  const visits = await sink.until(() => sink.metrics.get("visits"));
  expect(visits.points).toMatchObject([
    { attributes: { shop: "north" }, value: 1 },
    { attributes: { shop: "south" }, value: 2 },
  ]);
});

test("a metric that cannot be read is left out and told of once, and nothing else is lost", async () => {
  const own = await fetch(`http://127.0.0.1:${port}/metrics`);
  const text = await own.text();
  expect(await (await fetch(url)).text()).toBe(text);
  expect(own.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  expect(text).toBe(
    `# HELP wait_seconds Waits.
# TYPE wait_seconds summary
wait_seconds{quantile="0.5",queue="till"} 2
wait_seconds{quantile="0.9",queue="till"} 3
wait_seconds_sum{queue="till"} 4
wait_seconds_count{queue="till"} 2

# HELP visits Visits.
# TYPE visits counter
visits{shop="north"} 1
visits{shop="south"} 2
`,
  );
  // The service's own server is watched as any other, the agent's is not.
  const { attributes } = await sink.span("GET");
  expect(attributes["server.port"]).toBe(Number(new URL(url).port));
  expect(sink.spans.filter((span) => span.attributes["server.port"] === port)).toEqual([]);
  await expect
    .poll(() => service.stderr.match(/rows .*/g))
    .toEqual(["rows is left out: the table is locked"]);
  await expect
    .poll(() => service.stderr.match(/pages .*/g))
    .toEqual(["pages is left out: its collect() has not ended after 1 s"]);
});

test("a single registry is scraped in its own form", async () => {
  const other = new Service("prom-client.cjs", sink.url, { args: ["openmetrics"] });
  try {
    const answer = await fetch(await other.listening());
    expect(answer.headers.get("content-type")).toContain("application/openmetrics-text");
    expect(await answer.text()).toContain("sales_total 2\n# EOF");
  } finally {
    await other.stop();
  }
});

test.concurrent.each([
  ["no more work", { code: 0 }],
  ["process.exit", { code: 3 }],
  ["an error", { code: 1 }],
  ["a signal", { signal: "SIGTERM" }],
])(
  "a job that ends by %s has told its last counts, of prom-client and of the Metrics API",
  async (way, end) => {
    const own = await Sink.open();
    const job = new Service("brief.cjs", own.url);
    await own.until(() => own.metrics.get("jobs_total")?.points[0]?.value === 1);
    job.child.send(way);
    expect(await job.ended).toMatchObject(end);
    await own.close();
    expect(own.metrics.get("jobs_total")?.points).toMatchObject([{ value: 2 }]);
    expect(own.metrics.get("job_seconds")?.points).toMatchObject([{ value: 2, sum: 4 }]);
    expect(own.metrics.get("pages")?.points).toMatchObject([{ value: 20 }]);
  },
);
