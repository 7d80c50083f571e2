import { once } from "node:events";
import { connect } from "node:http2";
import { afterAll, beforeAll, expect, test } from "vitest";
import { FIXTURES, Service } from "./support/service.js";
import { type SeenSpan, Sink } from "./support/sink.js";

const SERVER = 2;
const CLIENT = 3;
const CAPTURE = {
  OTEL_INSTRUMENTATION_HTTP_SERVER_CAPTURE_REQUEST_HEADERS: "X-Tenant,authorization,absent",
  OTEL_INSTRUMENTATION_HTTP_SERVER_CAPTURE_RESPONSE_HEADERS: "x-cache,set-cookie",
  OTEL_INSTRUMENTATION_HTTP_CLIENT_CAPTURE_REQUEST_HEADERS: "x-tenant",
  OTEL_INSTRUMENTATION_HTTP_CLIENT_CAPTURE_RESPONSE_HEADERS: "x-cache",
};
const SENT = { "x-tenant": "a", authorization: "Bearer hunter2" };

let sink: Sink;
let service: Service;
let ports: readonly [plain: number, core: number, compatible: number];
beforeAll(async () => {
  sink = await Sink.open();
  service = new Service("http2-app.cjs", sink.url, { env: CAPTURE });
  ports = (await service.message()) as typeof ports;
});
afterAll(async () => {
  await service.stop();
  await sink.close();
});

/** One request over a session of its own; its status. */
async function ask(port: number, path: string): Promise<number> {
  const session = connect(`http://127.0.0.1:${port}`);
  const stream = session.request({ ":path": path, "user-agent": "h2/1", ...SENT });
  const [headers] = await once(stream, "response");
  stream.resume();
  await once(stream, "end");
  session.close();
  return headers[":status"];
}

const serverSpan = (path: string): Promise<SeenSpan> =>
  sink.until(() =>
    sink.spans.find(({ kind, attributes }) => kind === SERVER && attributes["url.path"] === path),
  );

test.each([
  { api: "core", at: 1 },
  { api: "compatible", at: 2 },
] as const)("a request to a server of HTTP/2's $api API is one server span", async ({ api, at }) => {
  expect(await ask(ports[at], `/${api}?token=x`)).toBe(200);
  const span = await serverSpan(`/${api}`);
  expect(span).toMatchObject({ name: "GET", parentSpanId: "", status: {} });
  expect(span.attributes).toMatchObject({
    "http.request.method": "GET",
    "http.response.status_code": 200,
    "network.protocol.version": "2",
    "url.scheme": "http",
    "url.query": "token=REDACTED",
    "server.address": "127.0.0.1",
    "server.port": ports[at],
    "client.address": "127.0.0.1",
    "network.peer.address": "127.0.0.1",
    "user_agent.original": "h2/1",
    "http.request.header.x-tenant": ["a"],
    "http.request.header.authorization": ["REDACTED"],
    "http.response.header.x-cache": ["miss"],
  });
  expect(span.attributes).not.toHaveProperty("http.request.header.absent");
  expect(sink.spans.filter(({ attributes }) => attributes["url.path"] === `/${api}`)).toHaveLength(1);
});

test("what a stream's handler does is part of its trace: calls, with their headers, and log lines", async () => {
  const span = await serverSpan("/core");
  expect(span.attributes["http.response.header.set-cookie"]).toEqual(["REDACTED", "REDACTED"]);
  const client = await sink.until(() =>
    sink.spans.find(({ kind, parentSpanId }) => kind === CLIENT && parentSpanId === span.spanId),
  );
  expect(client.attributes).toMatchObject({
    "http.request.header.x-tenant": ["a"],
    "http.response.header.x-cache": ["hit"],
  });
  const log = await sink.until(() => sink.logs.find(({ body }) => body === "served"));
  expect(log.spanId).toBe(span.spanId);
});

test("a failure is one, and durations are counted with the version", async () => {
  expect(await ask(ports[1], "/fail")).toBe(503);
  expect((await serverSpan("/fail")).status.code).toBe(2);
  await sink.until(() =>
    sink.metrics
      .get("http.server.request.duration")
      ?.points.find(
        ({ attributes }) =>
          attributes["network.protocol.version"] === "2" && attributes["http.response.status_code"] === 503,
      ),
  );
});

test("captured headers are what stock OpenTelemetry captures, and a stream has the attributes of a request", async () => {
  const stock = await Sink.open();
  const other = new Service("http2-app.cjs", stock.url, {
    nodeArgs: ["--require", `${FIXTURES}stock.cjs`],
    env: { ...CAPTURE, OTEL_SEMCONV_STABILITY_OPT_IN: "http" },
  });
  try {
    const [plain] = (await other.message()) as typeof ports;
    const headers = { ...SENT, "user-agent": "h2/1" };
    await fetch(`http://127.0.0.1:${plain}/one`, { headers });
    await fetch(`http://127.0.0.1:${ports[0]}/one`, { headers });
    const theirs = await stock.until(() => stock.spans.find(({ kind }) => kind === SERVER));
    const ours = await serverSpan("/one");
    // Stock has no list of secret headers: what it shows in the clear is hidden here.
    const shown = { ...theirs.attributes, "http.request.header.authorization": ["REDACTED"] };
    expect(Object.keys(ours.attributes).sort()).toEqual(Object.keys(shown).sort());
    for (const name of Object.keys(shown).filter((key) => key.includes(".header.")))
      expect(ours.attributes[name]).toEqual(shown[name as keyof typeof shown]);
    // `/core` has cookies in its answer and a query.
    const extra = ["http.response.header.set-cookie", "url.query"];
    const stream = Object.keys((await serverSpan("/core")).attributes).filter(
      (name) => !extra.includes(name),
    );
    expect(stream.sort()).toEqual(Object.keys(shown).sort());
  } finally {
    await other.stop();
    await stock.close();
  }
});

test("a server that listens and a session that is open before the agent comes are watched as well", async () => {
  const late = new Service("late-http2.cjs", sink.url, { nodeArgs: [], env: { OTEL_SERVICE_NAME: "late" } });
  try {
    expect(await late.message()).toBe("asked");
    const [client, server] = await sink.until(() => {
      const spans = sink.spans.filter(({ resource }) => resource["service.name"] === "late");
      return spans.length >= 2 && spans.sort((a, b) => b.kind - a.kind);
    });
    expect(client).toMatchObject({ kind: CLIENT, parentSpanId: "" });
    expect(server).toMatchObject({ kind: SERVER, parentSpanId: client?.spanId });
  } finally {
    await late.stop();
  }
});
