import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Service } from "./support/service.js";
import { type SeenSpan, Sink } from "./support/sink.js";

const CLIENT = 3;
const HAS_OPENSSL = spawnSync("openssl", ["version"]).status === 0;

describe.skipIf(!HAS_OPENSSL)("requests over HTTP/2", () => {
  let sink: Sink;
  let service: Service;
  let ports: readonly [inner: number, secure: number, outer: number];
  let seen: { traceparent: string; byUndici: string; reset: string; listed?: string };
  beforeAll(async () => {
    const dir = mkdtempSync(join(tmpdir(), "tocsin-http2-"));
    const [key, cert] = [join(dir, "key.pem"), join(dir, "cert.pem")];
    const subject = ["-subj", "/CN=127.0.0.1", "-keyout", key, "-out", cert, "-days", "2"];
    spawnSync("openssl", [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      ...subject,
    ]);
    sink = await Sink.open();
    service = new Service("http2-clients.cjs", sink.url, {
      env: {
        TEST_KEY: readFileSync(key, "utf8"),
        TEST_CERT: readFileSync(cert, "utf8"),
        OTEL_INSTRUMENTATION_HTTP_CLIENT_CAPTURE_REQUEST_HEADERS: "x-tenant",
        OTEL_INSTRUMENTATION_HTTP_CLIENT_CAPTURE_RESPONSE_HEADERS: "x-cache",
      },
    });
    rmSync(dir, { recursive: true });
    ports = (await service.message()) as typeof ports;
    seen = (await (await fetch(`http://127.0.0.1:${ports[2]}`)).json()) as typeof seen;
  });
  afterAll(async () => {
    await service.stop();
    await sink.close();
  });

  const spansTo = (path: string): SeenSpan[] =>
    sink.spans.filter(
      ({ kind, attributes }) => kind === CLIENT && new URL(String(attributes["url.full"])).pathname === path,
    );
  const spanTo = (path: string): Promise<SeenSpan> => sink.until(() => spansTo(path)[0]);

  test("a request is a client span under the active one, and the server learns of it", async () => {
    const span = await spanTo("/asked");
    const outer = await sink.until(() => sink.spans.find(({ spanId }) => spanId === span.parentSpanId));
    expect(outer.kind).toBe(2);
    expect(seen.traceparent).toBe(`00-${span.traceId}-${span.spanId}-01`);
    expect(span).toMatchObject({ name: "GET", status: {} });
    expect(span.attributes).toEqual({
      "http.request.method": "GET",
      "http.response.status_code": 200,
      "network.protocol.version": "2",
      "server.address": "127.0.0.1",
      "server.port": ports[0],
      "url.full": `http://127.0.0.1:${ports[0]}/asked?token=REDACTED`,
      "user_agent.original": "h2/1",
      "network.peer.address": "127.0.0.1",
      "network.peer.port": ports[0],
      "http.request.header.x-tenant": ["a"],
      "http.response.header.x-cache": ["miss"],
    });
    // The server's own span hangs below it.
    await sink.until(() => sink.spans.find(({ parentSpanId }) => parentSpanId === span.spanId));
  });

  test.each([
    { path: "/fail", type: "503", events: 0 },
    { path: "/reset", type: "ERR_HTTP2_STREAM_ERROR", events: 1 },
    { path: "/lost", type: "aborted", events: 1 },
  ])(
    "$path fails with $type, which the service hears as without the agent",
    async ({ path, type, events }) => {
      const span = await spanTo(path);
      expect(span.status.code).toBe(2);
      expect(span.attributes["error.type"]).toBe(type);
      expect(span.events).toHaveLength(events);
      expect(seen.reset).toBe("ERR_HTTP2_STREAM_ERROR");
    },
  );

  test("headers may come as a list, where Node takes them so", async () => {
    if (seen.listed === undefined) return;
    const span = await spanTo("/listed");
    expect(seen.listed).toBe(`00-${span.traceId}-${span.spanId}-01`);
  });

  test("durations are counted with the version", async () => {
    const point = await sink.until(() =>
      sink.metrics
        .get("http.client.request.duration")
        ?.points.find(({ attributes }) => attributes["http.response.status_code"] === 503),
    );
    expect(point).toMatchObject({ value: 1, attributes: { "network.protocol.version": "2" } });
  });

  test("gRPC is left to its own instrumentation, and undici's request over HTTP/2 is one span", async () => {
    const span = await spanTo("/by-undici");
    expect(span.attributes["network.protocol.version"]).toBe("2");
    expect(seen.byUndici).toBe(`00-${span.traceId}-${span.spanId}-01`);
    await spanTo("/lost");
    expect(spansTo("/by-undici")).toHaveLength(1);
    expect(spansTo("/rpc")).toHaveLength(0);
  });
});
