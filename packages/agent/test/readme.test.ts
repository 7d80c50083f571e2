import { randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePort } from "./support/debian.js";
import { AT_THE_END } from "./support/ends.js";
import { Service } from "./support/service.js";
import { Sink } from "./support/sink.js";

const README = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const MODULES = fileURLToPath(new URL("../../../node_modules", import.meta.url));

/** Every block of the README that names its file. */
const snippets = new Map(
  Array.from(README.matchAll(/```js\n\/\/ (\S+)\n([\s\S]*?)```/g), ([, name, code]) => [
    name ?? "",
    code ?? "",
  ]),
);

let sink: Sink;
let dir: string;
beforeAll(async () => {
  sink = await Sink.open();
  dir = mkdtempSync(join(tmpdir(), "tocsin-readme-"));
  mkdirSync(join(dir, "src"));
  symlinkSync(MODULES, join(dir, "node_modules"));
});
afterAll(async () => {
  await sink.close();
  rmSync(dir, { recursive: true });
});

/** Starts a snippet as it stands, but on a free port that it tells. */
function run(name: string, options: { registered: boolean; env?: Record<string, string> }): Service {
  const code = snippets.get(name);
  if (code === undefined) throw new Error(`the README has no ${name}`);
  const file = join(dir, "src", name);
  const listen = `listen(0, "127.0.0.1", function () { process.send(this.address().port); });
    process.on("disconnect", () => process.exit());`;
  writeFileSync(file, code.replace("listen(3000);", listen));
  return new Service(file, sink.url, {
    env: { OTEL_SERVICE_NAME: name, ...options.env },
    ...(options.registered ? {} : { nodeArgs: [] }),
  });
}

const spansOf = (name: string) => sink.spans.filter(({ resource }) => resource["service.name"] === name);

test.concurrent("started.mjs", async () => {
  const service = run("started.mjs", { registered: false });
  expect((await service.ended).code).toBe(0);
  const log = sink.logs.find(({ body }) => body === "ready");
  expect(log).toMatchObject({
    attributes: { port: 3000 },
    resource: { "service.name": "checkout", "service.version": "1.42.0" },
  });
});

test.concurrent("own-spans.mjs", async () => {
  const service = run("own-spans.mjs", { registered: true });
  const answer = await fetch(`${await service.listening()}/orders/7`);
  const server = await sink.span("GET /orders/:id");
  expect(await answer.json()).toEqual({ traceId: server.traceId });
  expect(server.attributes["customer.tier"]).toBe("gold");
  const own = await sink.span("price");
  expect(own).toMatchObject({ parentSpanId: server.spanId, scope: "shop", attributes: { "order.id": "7" } });
  await service.stop();
});

test.concurrent("own-routes.mjs", async () => {
  const service = run("own-routes.mjs", { registered: true });
  expect(await (await fetch(`${await service.listening()}/books/7`)).text()).toBe("7");
  expect((await sink.until(() => spansOf("own-routes.mjs")[0])).name).toBe("GET /books/:isbn");
  await service.stop();
});

test.concurrent("health.mjs", async () => {
  const service = run("health.mjs", { registered: true });
  const url = await service.listening();
  expect(await (await fetch(`${url}/livez`)).json()).toEqual({ status: "alive" });
  expect(await (await fetch(`${url}/readyz`)).json()).toEqual({ status: "ready" });
  await fetch(`${url}/order`);
  expect(await (await fetch(`${url}/metrics`)).text()).toContain("orders_total 1");
  await sink.until(() => sink.metrics.get("orders_total")?.points[0]?.value === 1);
  await sink.until(() => spansOf("health.mjs").some(({ name }) => name === "GET /order"));
  expect(spansOf("health.mjs").some(({ attributes }) => attributes["url.path"] === "/livez")).toBe(false);
  // Asked for readiness, it would wait for balancers to notice that it ends.
  await service.stop("SIGKILL");
});

test.concurrent("first-import.mjs", async () => {
  const service = run("first-import.mjs", { registered: false });
  await fetch(`${await service.listening()}/books/7`);
  await sink.until(() => spansOf("first-import.mjs").some(({ name }) => name === "GET /books/:isbn"));
  await service.stop();
});

test.concurrent("prom-client.mjs", async () => {
  const service = run("prom-client.mjs", { registered: true });
  await fetch(`${await service.listening()}/buy`);
  const server = await sink.span("GET /buy");
  const sales = await sink.until(() => sink.metrics.get("sales")?.points.find(({ value }) => value === 1));
  expect(sales).toMatchObject({ exemplars: [{ value: 1, traceId: server.traceId }] });
  const basket = await sink.until(() => sink.metrics.get("basket_euros"));
  expect(basket).toMatchObject({ kind: "histogram", points: [{ sum: 12, bucketCounts: [0, 0, 1, 0] }] });
  const wait = await sink.until(() => sink.metrics.get("queue_seconds"));
  expect(wait).toMatchObject({ kind: "summary", points: [{ value: 1, sum: 0.4 }] });
  await service.stop();
});

test.concurrent("cluster.mjs", async () => {
  const service = run("cluster.mjs", { registered: true });
  expect(await (await fetch(`${await service.listening()}/metrics`)).text()).toContain("jobs_total 10");
  await service.stop();
});

test.concurrent("pino.mjs", async ({ expect }) => {
  const service = run("pino.mjs", { registered: true });
  await fetch(`${await service.listening()}/pay/7`);
  const server = await sink.span("GET /pay/:order");
  const paid = await sink.until(() => sink.logs.find(({ body }) => body === "paid"));
  expect(paid).toMatchObject({
    severityText: "audit",
    spanId: server.spanId,
    attributes: { order: "7", card: "[Redacted]" },
  });
  const failed = await sink.until(() => sink.logs.find(({ body }) => body === "no receipt"));
  expect(failed.attributes).toMatchObject({ order: "7", "exception.type": "RangeError" });
  await expect.poll(() => service.stdout).toContain(`"trace_id":"${server.traceId}"`);
  await service.stop();
});

test.concurrent("headers.mjs", async () => {
  const service = run("headers.mjs", { registered: false });
  const headers = { "x-tenant": "a", authorization: "Bearer hunter2" };
  await fetch(`${await service.listening()}/order`, { headers });
  const server = await sink.until(() => spansOf("headers.mjs").find(({ name }) => name === "GET /order"));
  expect(server.attributes).toMatchObject({
    "http.request.header.x-tenant": ["a"],
    "http.request.header.authorization": ["REDACTED"],
  });
  const client = spansOf("headers.mjs").find(({ parentSpanId }) => parentSpanId === server.spanId);
  expect(client?.attributes["http.response.header.x-cache"]).toEqual(["hit"]);
  await service.stop();
});

test("winston.mjs", { retry: 2 }, async () => {
  const service = run("winston.mjs", { registered: false });
  expect((await service.ended).code).toBe(0);
  const bodies = sink.logs.filter(({ resource }) => resource["service.name"] === "winston.mjs");
  expect(bodies.map(({ body, severityText, attributes }) => ({ body, severityText, attributes }))).toEqual([
    { body: "till is nearly empty", severityText: "warn", attributes: { coins: 3 } },
    { body: "stock is low: 3", severityText: "warn", attributes: {} },
  ]);
});

test("logs-api.mjs", { retry: 2 }, async () => {
  const service = run("logs-api.mjs", { registered: false });
  expect((await service.ended).code).toBe(0);
  expect(sink.logs.find(({ body }) => body === "opened")).toMatchObject({ attributes: { shop: "north" } });
});

test.concurrent("sampling.mjs", async () => {
  const service = run("sampling.mjs", { registered: false });
  const url = await service.listening();
  await fetch(`${url}/search?q=x`);
  await fetch(`${url}/users/7`);
  await fetch(`${url}/order`);
  await sink.until(() => spansOf("sampling.mjs").length > 0);
  expect(spansOf("sampling.mjs").map(({ attributes }) => attributes["url.path"])).toEqual(["/order"]);
  await sink.until(() =>
    sink.metrics
      .get("http.server.request.duration")
      ?.points.some(({ attributes }) => attributes["http.route"] === "/search"),
  );
  await service.stop();
});

test.concurrent("lambda.mjs", { retry: 2 }, async () => {
  // One of a try of its own: on a busy machine the flush may run out of its second, and what it had come later.
  const invocation = randomUUID();
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  run("lambda.mjs", { registered: false }).child.kill();
  const driver = join(dir, "src", "driver.mjs");
  writeFileSync(
    driver,
    `import { handler } from ${JSON.stringify(pathToFileURL(join(dir, "src", "lambda.mjs")).href)};
     const event = { name: "ana", headers: { Traceparent: ${JSON.stringify(traceparent)} } };
     process.send(await handler(event, { awsRequestId: "${invocation}", functionName: "greet" }));
     process.on("disconnect", () => process.exit());`,
  );
  const env = { AWS_LAMBDA_FUNCTION_NAME: "greet" };
  const service = new Service(driver, sink.url, { nodeArgs: [], env });
  expect(await service.message()).toEqual({ statusCode: 200, body: "ana" });
  // Delivered before the answer: nothing is waited for here.
  const ofIt = sink.spans.find(({ attributes }) => attributes["faas.invocation_id"] === invocation);
  expect(ofIt).toMatchObject({
    name: "greet",
    traceId: "0af7651916cd43dd8448eb211c80319c",
    parentSpanId: "b7ad6b7169203331",
    attributes: { "faas.coldstart": true },
  });
  await service.stop();
});

test.concurrent("errors.mjs", async () => {
  const service = run("errors.mjs", { registered: true });
  expect((await fetch(`${await service.listening()}/fail`)).status).toBe(500);
  const span = await sink.span("GET /fail");
  expect(span.events).toMatchObject([{ attributes: { "exception.type": "RangeError" } }]);
  await service.stop();
});

test.concurrent("fatal.mjs", AT_THE_END, async () => {
  const service = run("fatal.mjs", { registered: false });
  expect(await service.ended).toMatchObject({ code: 1, signal: null });
  expect(service.stderr).toContain("RangeError: card declined");
  const span = await sink.span("pay");
  expect(span).toMatchObject({
    status: { code: 2 },
    events: [{ attributes: { "exception.type": "RangeError" } }],
  });
  const told = sink.logs.filter(({ resource }) => resource["service.name"] === "till");
  expect(
    told.map(({ body, attributes, traceId }) => [body, attributes["exception.message"], traceId]),
  ).toEqual(
    expect.arrayContaining([
      ["unhandled promise rejection", "receipt printer is offline", ""],
      ["uncaught exception", "card declined", span?.traceId],
    ]),
  );
});

test.concurrent("redaction.mjs", async () => {
  const service = run("redaction.mjs", { registered: false });
  await fetch(`${await service.listening()}/search?q=x&key=1&session=2&access_token=3`);
  const [span] = await sink.until(() => spansOf("redaction.mjs").length > 0 && spansOf("redaction.mjs"));
  expect(span?.attributes["url.query"]).toBe("q=x&key=1&session=REDACTED&access_token=REDACTED");
  await service.stop();
});

test.concurrent("processors.mjs", async () => {
  const service = run("processors.mjs", { registered: false });
  expect((await service.ended).code).toBe(0);
  expect(await sink.span("restock")).toMatchObject({
    attributes: { team: "blue" },
    resource: { "service.name": "stock" },
  });
  expect(spansOf("stock").map(({ name }) => name)).toEqual(["restock"]);
  expect(sink.metrics.get("baskets")?.points).toMatchObject([{ value: 2 }]);
});

test.concurrent("otel.yaml", async () => {
  const [, yaml] = /```yaml\n# otel\.yaml\n([\s\S]*?)```/.exec(README) ?? [];
  const file = join(dir, "otel.yaml");
  writeFileSync(file, yaml ?? "");
  const service = run("own-spans.mjs", {
    registered: true,
    env: { OTEL_CONFIG_FILE: file, SERVICE: "by-file", OTEL_SERVICE_NAME: "out-of-account" },
  });
  const headers = { "x-tenant": "a".repeat(300) };
  await fetch(`${await service.listening()}/orders/${"7".repeat(300)}`, { headers });
  const spans = await sink.until(() => {
    const seen = spansOf("by-file");
    return seen.length >= 2 && seen;
  });
  expect(spans.find(({ kind }) => kind === 2)?.attributes).toMatchObject({
    "http.request.header.x-tenant": ["a".repeat(100)],
    "customer.tier": "gold",
  });
  // The limit holds for spans of the SDK as well.
  expect(spans.find(({ name }) => name === "price")?.attributes["order.id"]).toBe("7".repeat(100));
  expect(service.stderr).not.toContain("OTEL_CONFIG_FILE");
  await service.stop();
});

test.concurrent("TOCSIN_METRICS_PORT serves /metrics", async () => {
  const port = await freePort();
  const service = run("health.mjs", { registered: true, env: { TOCSIN_METRICS_PORT: String(port) } });
  await service.listening();
  expect(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()).toContain("orders_total 0");
  await service.stop();
});

test("every block of the README is run", () => {
  expect([...snippets.keys()].sort()).toEqual(
    [
      "started.mjs",
      "own-spans.mjs",
      "own-routes.mjs",
      "health.mjs",
      "first-import.mjs",
      "prom-client.mjs",
      "cluster.mjs",
      "pino.mjs",
      "headers.mjs",
      "winston.mjs",
      "logs-api.mjs",
      "errors.mjs",
      "fatal.mjs",
      "redaction.mjs",
      "processors.mjs",
      "sampling.mjs",
      "lambda.mjs",
    ].sort(),
  );
});
