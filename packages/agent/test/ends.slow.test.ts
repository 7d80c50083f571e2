import { afterAll, beforeAll, expect, test } from "vitest";
import { freePort } from "./support/debian.js";
import { AT_THE_END, end, SLOW, WAYS } from "./support/ends.js";
import { Service } from "./support/service.js";
import { Sink } from "./support/sink.js";

let sink: Sink;
beforeAll(async () => {
  sink = await Sink.open();
});
afterAll(() => sink.close());

// The fast suite does some of them.
test.each(WAYS)(
  "a process that ends by $how $kill is not held up by a collector that is away",
  AT_THE_END,
  async (way) => {
    const seen = await end(way, "http://127.0.0.1:9", { env: SLOW });
    expect(seen).toMatchObject({ code: way.code, signal: way.signal });
    expect(seen.stderr).toContain("cannot deliver to http://127.0.0.1:9: connection refused");
  },
);

test.each(WAYS)("a process that ends by $how $kill has delivered everything", AT_THE_END, async (way) => {
  const name = `${way.how}-${"kill" in way ? way.kill : ""}-${performance.now()}`;
  const seen = await end(way, sink.url, { env: { ...SLOW, OTEL_SERVICE_NAME: name } });
  expect(seen).toMatchObject({ code: way.code, signal: way.signal });
  const spans = sink.spans.filter(({ resource }) => resource["service.name"] === name);
  expect(spans.map(({ kind }) => kind).sort()).toEqual([2, 3]);
});

test("a request served from a worker of a cluster is seen, with an instance of its own", async () => {
  const env = { OTEL_SERVICE_NAME: "cluster" };
  const service = new Service("threads.mjs", sink.url, { args: ["cluster"], env });
  try {
    await fetch(await service.listening());
    const span = await sink.until(() =>
      sink.spans.find(({ resource, kind }) => resource["service.name"] === "cluster" && kind === 2),
    );
    expect(span.resource["process.pid"]).not.toBe(service.child.pid);
    expect(span.resource["service.instance.id"]).toMatch(/^[0-9a-f-]{36}$/);
  } finally {
    await service.stop();
  }
});

test.each([{ by: "its handler" }, { by: "a port of its own" }])(
  "/metrics of a cluster's primary process, by $by, sums its workers up",
  async ({ by }) => {
    const port: Record<string, string> =
      by === "a port of its own" ? { TOCSIN_METRICS_PORT: String(await freePort()) } : {};
    const service = new Service("cluster-metrics.cjs", sink.url, {
      env: { OTEL_SERVICE_NAME: "sums", ...port },
    });
    try {
      const text = await (await fetch(await service.listening())).text();
      // The first worker counted 1, the second 2.
      expect(text).toContain('served_total{by="all"} 3');
      expect(text).toContain("own_total 2");
      expect(service.stderr).not.toContain("cannot serve");
    } finally {
      await service.stop();
    }
  },
);
