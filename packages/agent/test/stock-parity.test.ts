import { afterAll, beforeAll, expect, test } from "vitest";
import { FIXTURES, REGISTER, Service } from "./support/service.js";
import { type SeenSpan, Sink } from "./support/sink.js";

/** What the same requests look like by stock OpenTelemetry and by the agent, in this run. */
let stock: Sink;
let own: Sink;
beforeAll(async () => {
  [stock, own] = await Promise.all([
    observe(["--require", `${FIXTURES}stock.cjs`]),
    observe(["--import", REGISTER]),
  ]);
}, 30_000);
afterAll(() => Promise.all([stock.close(), own.close()]));

async function observe(nodeArgs: string[]): Promise<Sink> {
  const sink = await Sink.open();
  const service = new Service("compared.cjs", sink.url, {
    nodeArgs,
    env: { OTEL_SEMCONV_STABILITY_OPT_IN: "http", OTEL_METRIC_EXPORT_TIMEOUT: "100" },
  });
  try {
    const url = await service.listening();
    await fetch(`${url}/outer?a=b`, {
      headers: {
        "user-agent": "outer/1",
        "x-forwarded-for": "203.0.113.7:999, 10.0.0.1",
        forwarded: "for=198.51.100.9",
      },
    });
    await sink.until(() => sink.spans.length >= 5);
    await sink.until(() => sink.metrics.get("http.server.request.duration")?.points.length === 3);
    return sink;
  } finally {
    await service.stop();
  }
}

/** Ports and ids differ from run to run. */
function comparable(span: SeenSpan | undefined): Record<string, unknown> | undefined {
  if (span === undefined) return undefined;
  const attributes = Object.fromEntries(
    Object.entries(span.attributes).map(([key, value]) => [
      key,
      typeof value === "string"
        ? value.replaceAll(/127\.0\.0\.1:\d+/g, "HOST")
        : key.endsWith(".port")
          ? "PORT"
          : value,
    ]),
  );
  return { name: span.name, kind: span.kind, status: span.status.code ?? 0, attributes };
}

const pick = (sink: Sink, kind: number, path: string): SeenSpan | undefined =>
  sink.spans.find(
    (span) =>
      span.kind === kind && String(span.attributes["url.full"] ?? span.attributes["url.path"]).includes(path),
  );

test.each([
  { what: "a server span behind proxies", kind: 2, path: "/outer" },
  { what: "a server span of an inner call", kind: 2, path: "/inner" },
  { what: "a server span that failed", kind: 2, path: "/fail" },
  { what: "a client span with a body", kind: 3, path: "/inner" },
  { what: "a client span that was answered 503", kind: 3, path: "/fail" },
])("$what has what stock OpenTelemetry gives it", ({ kind, path }) => {
  const theirs = comparable(pick(stock, kind, path));
  const ours = comparable(pick(own, kind, path));
  expect(theirs).toBeDefined();
  expect(ours).toMatchObject(theirs ?? {});
});

test.each(["http.server.request.duration", "http.client.request.duration"])(
  "%s has the attributes, unit and boundaries of stock",
  (name) => {
    const theirs = stock.metrics.get(name);
    const ours = own.metrics.get(name);
    expect(ours).toMatchObject({ unit: theirs?.unit, kind: theirs?.kind });
    // Stock counts its exporter's own requests too, so sets are compared.
    const shape = (sink: Sink) =>
      new Set(sink.metrics.get(name)?.points.map(({ attributes }) => shapeOf(attributes)));
    expect(shape(own)).toEqual(shape(stock));
    expect(ours?.points[0]?.explicitBounds).toEqual(theirs?.points[0]?.explicitBounds);
  },
);

/** Attributes in a stable order, without the port, which differs from run to run. */
function shapeOf(attributes: Record<string, unknown>): string {
  const entries = Object.entries(attributes).filter(([key]) => key !== "server.port");
  return JSON.stringify(entries.sort());
}
