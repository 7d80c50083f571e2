import { resourceFromAttributes } from "@opentelemetry/resources";
import { expect, test } from "vitest";
import { SpanClock } from "../trace/clock.js";
import type { LeanSpan } from "../trace/lean-span.js";
import { urlRedactor } from "./redact-url.js";
import { RequestCells } from "./request-cells.js";
import { ServerSpan, type ServerSpanDeps } from "./server-span.js";

const NO_LIMIT = Number.POSITIVE_INFINITY;

function depsWith(cells: RequestCells, ended: (span: LeanSpan) => void): ServerSpanDeps {
  return {
    runtime: {
      clock: new SpanClock(),
      resource: resourceFromAttributes({}),
      scope: { name: "test" },
      sink: { ended },
      limits: {
        attributeCount: 128,
        attributeValueLength: NO_LIMIT,
        eventCount: 128,
        linkCount: 128,
        eventAttributeCount: 128,
        linkAttributeCount: 128,
      },
    },
    cells,
    urls: urlRedactor({ deny: [], allow: [] }),
    captureHeaders: (attributes, request, response) => {
      attributes["http.request.header.x-tenant"] = [String(request("x-tenant"))];
      attributes["http.response.header.etag"] = [String(response("etag"))];
    },
  };
}

const PLACE = {
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
  parentSpanId: undefined,
  isParentRemote: false,
  traceFlags: 1,
  traceState: undefined,
};

function exchange() {
  const request = {
    method: "BREW",
    url: "/pots/7?size=l",
    httpVersion: "1.1",
    headers: { host: "shop.test:8080", "x-tenant": "t1" },
    socket: { remoteAddress: "127.0.0.1", remotePort: 5000 },
    route: { path: "/pots/:id" },
  };
  const response = {
    statusCode: 503,
    headersSent: true,
    writableFinished: true,
    getHeader: () => "abc",
    on: () => undefined,
  };
  return { request, response };
}

test("an ended span holds nothing of the request, and says the same as before", () => {
  const { request, response } = exchange();
  const span = new ServerSpan(
    depsWith(new RequestCells(), () => undefined),
    PLACE,
    request,
    response,
    "http",
  );
  const [name, attributes] = [span.name, span.attributes];
  span.finish();
  expect(Object.values(span)).not.toContain(request);
  expect(Object.values(span)).not.toContain(response);
  expect(span.name).toBe(name);
  expect(span.name).toBe("HTTP /pots/:id");
  expect(span.attributes).toEqual(attributes);
  expect(span.attributes).toMatchObject({
    "http.request.method": "_OTHER",
    "http.request.method_original": "BREW",
    "http.response.status_code": 503,
    "http.route": "/pots/:id",
    "url.query": "size=l",
    "server.port": 8080,
    "http.request.header.x-tenant": ["t1"],
    "http.response.header.etag": ["abc"],
  });
});

test("a request is counted once, whoever ends its span", () => {
  const cells = new RequestCells();
  const { request, response } = exchange();
  const span = new ServerSpan(
    depsWith(cells, () => undefined),
    PLACE,
    request,
    response,
    "http",
  );
  span.end();
  span.finish();
  span.end();
  expect(Array.from(cells, ({ histogram }) => histogram.count)).toEqual([1]);
});

test("what fails when a span has ended does not reach the request", () => {
  const { request, response } = exchange();
  const failing = depsWith(new RequestCells(), () => {
    throw new Error("nobody takes it");
  });
  const span = new ServerSpan(failing, PLACE, request, response, "http");
  expect(() => span.finish()).not.toThrow();
  expect(span.ended).toBe(true);
});
