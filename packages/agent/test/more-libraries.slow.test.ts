import { spawnSync } from "node:child_process";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { POSTGRES, startPostgres } from "./support/debian.js";
import { installed } from "./support/installed.js";
import { startMongo } from "./support/mongo-server.js";
import { FIXTURES, NODE, Service } from "./support/service.js";
import { Sink } from "./support/sink.js";
import { unstableNames } from "./support/stable-names.js";

const DIR = installed("libraries", {
  "cassandra-driver": "4.10.0",
  connect: "3.7.0",
  knex: "3.3.0",
  "lru-memoizer": "3.0.0",
  memcached: "2.2.2",
  mongoose: "9.12.1",
  openai: "6.49.0",
  pg: "8.23.1",
  restify: "11.1.0",
  "socket.io": "4.8.4",
  "socket.io-client": "4.8.4",
  tedious: "19.2.2",
});

const NODE_MAJOR = Number.parseInt(spawnSync(NODE, ["-p", "process.versions.node"]).stdout.toString(), 10);

let sink: Sink;
let fixture: string;
beforeAll(async () => {
  sink = await Sink.open();
  fixture = join(DIR ?? "", "more-clients.cjs");
  if (DIR !== undefined) copyFileSync(`${FIXTURES}more-clients.cjs`, fixture);
});
afterAll(() => sink.close());

/** Has the library used within a request and waits for these spans in its trace and for the report that it is watched. */
async function use(library: string, target: string, names: readonly string[]): Promise<void> {
  const service = new Service(fixture, sink.url, {
    args: [library],
    env: { TARGET: target, OTEL_SERVICE_NAME: library },
  });
  try {
    expect(await (await fetch(await service.listening())).text()).toBe("done");
    const ofService = () => sink.spans.filter(({ resource }) => resource["service.name"] === library);
    await sink.until(() =>
      names.every((name) => ofService().some((span) => span.name === name && span.scope.includes(library))),
    );
    expect(ofService().flatMap(({ attributes }) => unstableNames(attributes))).toEqual([]);
    await sink.until(() =>
      sink.metrics
        .get("tocsin_agent_library")
        ?.points.some(({ attributes, value }) => attributes.library === library && value === 1),
    );
  } finally {
    await service.stop();
  }
}

describe.skipIf(DIR === undefined)("libraries that this repository has no use for itself", () => {
  test.skipIf(POSTGRES === undefined)("knex", async () => {
    const server = await startPostgres();
    try {
      await use("knex", server.url, ["raw postgres"]);
    } finally {
      await server.close();
    }
  });

  test("mongoose", async () => {
    const server = await startMongo();
    try {
      await use("mongoose", server.url, ["save orders"]);
    } finally {
      await server.close();
    }
  });

  test.each([
    { library: "memcached", names: ["memcached get"] },
    { library: "socket.io", names: ["receive /"] },
    { library: "openai", names: ["chat small"] },
    // These make no spans of their own without a server that cannot be had here; that they are patched is told.
    { library: "lru-memoizer", names: [] },
    { library: "tedious", names: [] },
    { library: "cassandra-driver", names: [] },
  ])("$library", ({ library, names }) => use(library, "", names));

  test.each([
    { library: "restify", name: "GET /orders/:id", events: [] },
    {
      library: "connect",
      name: "GET",
      events: [{ name: "exception", attributes: { "exception.type": "TypeError" } }],
    },
  ])("$library: requests are seen as those of http, as $name", async ({ library, name, events }) => {
    if (library === "restify" && NODE_MAJOR > 22) {
      process.stderr.write("SKIPPED: restify itself does not run on Node after 22.\n");
      return;
    }
    const service = new Service(fixture, sink.url, { args: [library], env: { OTEL_SERVICE_NAME: library } });
    try {
      expect(await (await fetch(await service.listening())).text()).toBe("done");
      const span = await sink.until(() =>
        sink.spans.find(
          (one) =>
            one.resource["service.name"] === library &&
            one.kind === 2 &&
            one.name === name &&
            one.attributes["url.path"] !== "/",
        ),
      );
      expect(span.events).toMatchObject(events);
    } finally {
      await service.stop();
    }
  });
});
