import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Service } from "./support/service.js";
import { Sink } from "./support/sink.js";

let sink: Sink;
beforeAll(async () => {
  sink = await Sink.open();
});
afterAll(() => sink.close());

describe("a framework that says the route itself", () => {
  let service: Service;
  let url: string;
  beforeAll(async () => {
    service = new Service("told-routes.mjs", sink.url);
    url = await service.listening();
  });
  afterAll(() => service.stop());

  test.each([
    { path: "/next/7", route: "/next/[id]" },
    { path: "/svelte/7", route: "/svelte/[id]" },
    { path: "/hono/7", route: "/hono/:id" },
    { path: "/adapter/7", route: "/adapter/:id" },
    { path: "/own/7", route: "/own/:id" },
    { path: "/client/7", route: undefined },
  ])("$path is $route in name, span and metric", async ({ path, route }) => {
    await (await fetch(url + path)).text();
    const span = await sink.until(() =>
      sink.spans.find(
        ({ scope, attributes }) => scope === "@tocsin/agent" && attributes["url.path"] === path,
      ),
    );
    expect(span.name).toBe(route === undefined ? "GET" : `GET ${route}`);
    expect(span.attributes["http.route"]).toBe(route);
    await sink.until(() =>
      sink.metrics
        .get("http.server.request.duration")
        ?.points.some(({ attributes }) => attributes["http.route"] === route),
    );
  });
});

/** A framework as Nest is from version 12 on: ES modules alone, whose class for errors is inside. */
const NEST = {
  "node_modules/@nestjs/core/package.json": `{ "name": "@nestjs/core", "type": "module", "main": "./index.js" }`,
  "node_modules/@nestjs/core/index.js": `export { NestApplication } from "./nest-application.js";`,
  "node_modules/@nestjs/core/exceptions/exceptions-handler.js": `
    export class ExceptionsHandler {
      next(_error, host) {
        host.getArgByIndex(1).writeHead(500).end();
      }
    }`,
  "node_modules/@nestjs/core/nest-application.js": `
    import { ExceptionsHandler } from "./exceptions/exceptions-handler.js";
    const handler = new ExceptionsHandler();
    export class NestApplication {
      listen(server, then) {
        server.on("request", (...args) =>
          handler.next(new TypeError("card declined"), { getType: () => "http", getArgByIndex: (i) => args[i] }),
        );
        server.listen(0, "127.0.0.1", then);
      }
    }`,
  "app.mjs": `
    import { createServer } from "node:http";
    import { NestApplication } from "@nestjs/core";
    const server = createServer();
    new NestApplication().listen(server, () => process.send(server.address().port));
    process.on("disconnect", () => process.exit());`,
};

test("an error that a Nest of ES modules catches is recorded", async () => {
  const dir = mkdtempSync(join(tmpdir(), "tocsin-nest-"));
  for (const [file, text] of Object.entries(NEST)) {
    mkdirSync(dirname(join(dir, file)), { recursive: true });
    writeFileSync(join(dir, file), text);
  }
  const service = new Service(join(dir, "app.mjs"), sink.url, { env: { OTEL_SERVICE_NAME: "nest" } });
  try {
    expect((await fetch(await service.listening())).status).toBe(500);
    const span = await sink.until(() =>
      sink.spans.find(({ resource }) => resource["service.name"] === "nest"),
    );
    expect(span.events).toMatchObject([{ attributes: { "exception.message": "card declined" } }]);
  } finally {
    await service.stop();
    rmSync(dir, { recursive: true });
  }
});
