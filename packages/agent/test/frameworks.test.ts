import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { express4App } from "./support/express-4.js";
import { Service } from "./support/service.js";
import { Sink } from "./support/sink.js";

let sink: Sink;
let express4: ReturnType<typeof express4App>;
beforeAll(async () => {
  sink = await Sink.open();
  express4 = express4App();
});
afterAll(async () => {
  await sink.close();
  express4.remove();
});

const braces = (route: string): string => route.replaceAll(/:(\w+)/g, "{$1}");
const same = (route: string): string => route;

// Side by side: most of the time is Node starting.
describe.concurrent.each([
  { framework: "express4", pattern: same },
  { framework: "fastify", pattern: same },
  { framework: "koa", pattern: same },
  { framework: "hapi", pattern: braces },
  { framework: "nest", pattern: same },
])("$framework", ({ framework, pattern }) => {
  let service: Service;
  let url: string;
  beforeAll(async () => {
    const isOld = framework === "express4";
    service = new Service(isOld ? express4.file : "frameworks.cjs", sink.url, {
      args: [framework],
      env: {
        OTEL_SERVICE_NAME: framework,
        ...(isOld ? express4.env : {}),
      },
    });
    url = await service.listening();
  });
  afterAll(() => service.stop());

  const spanOf = (route: string) =>
    sink.until(() =>
      sink.spans.find(
        ({ resource, attributes }) =>
          resource["service.name"] === framework && attributes["http.route"] === pattern(route),
      ),
    );

  test.each([
    { path: "/orders/7", route: "/orders/:id" },
    { path: "/shops/1/items/2", route: "/shops/:shop/items/:item" },
  ])("$path is $route", async ({ path, route }) => {
    await fetch(url + path);
    expect(await spanOf(route)).toMatchObject({ name: `GET ${pattern(route)}`, status: {} });
  });

  test("a failure is one", async () => {
    await fetch(`${url}/fail`);
    const span = await spanOf("/fail");
    expect(span.status.code).toBe(2);
    expect(span.attributes["error.type"]).toBe("500");
    expect(span.events).toMatchObject([
      {
        name: "exception",
        attributes: {
          "exception.message": "card declined",
          "exception.stacktrace": expect.stringContaining("card declined"),
        },
      },
    ]);
  });
});
