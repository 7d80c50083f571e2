import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { type HealthOptions, health } from "./health.js";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function ask(options: HealthOptions, path = "/readyz", method = "GET") {
  const middleware = health({ drainMs: 0, ...options });
  const server = createServer((request, response) =>
    middleware(request, response, () => response.end("next")),
  );
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;
  const answer = await fetch(url, { method });
  const text = await answer.text();
  return [answer.status, text.startsWith("{") ? JSON.parse(text) : text];
}

test("every check that fails is named with the reason, one that hangs too, and no secret of it is shown", async () => {
  const checks = {
    passes: async () => {},
    isFalse: () => false,
    rejects: async () => {
      throw new Error("cannot reach postgres://shop:hunter2@db/orders?password=hunter2");
    },
    throws: () => {
      throw "no disk";
    },
    hangs: () => new Promise(() => {}),
  };
  expect(await ask({ checks, timeoutMs: 10 })).toEqual([
    503,
    {
      status: "not ready",
      failed: {
        rejects: "cannot reach postgres://REDACTED:REDACTED@db/orders?password=REDACTED",
        throws: "no disk",
        hangs: "no answer within 10 ms",
      },
    },
  ]);
  expect(await ask({ checks }, "/livez")).toEqual([200, { status: "alive" }]);
});

test.each([
  { path: "/readyz?verbose", method: "GET", want: [200, { status: "ready" }] },
  { path: "/livez", method: "HEAD", want: [200, ""] },
  { path: "/readyz", method: "POST", want: [200, "next"] },
  { path: "/readyzz", method: "GET", want: [200, "next"] },
])("$method $path is answered $want", async ({ path, method, want }) => {
  expect(await ask({}, path, method)).toEqual(want);
});

test("who is told that the service stops turns readiness off", async () => {
  const stopping = AbortSignal.abort();
  expect(await ask({ stopping })).toEqual([503, { status: "stopping" }]);
  expect(await ask({ stopping }, "/livez")).toEqual([200, { status: "alive" }]);
});
