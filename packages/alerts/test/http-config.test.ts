import { createServer, request as httpRequest } from "node:http";
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from "node:net";
import { ManualClock } from "@tocsin/model/testing";
import { expect, test } from "vitest";
import { HttpConfig } from "../src/config/http-config.js";
import { configuredHttp } from "../src/notify/notifier-config.js";
import { closing, deps, never, notification, notifier, T0, target } from "./notifier-kit.js";

/** A forward proxy: tunnels, and passes plain requests on to `origin` whatever their host is. */
async function forwardProxy(origin: string) {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const { hostname, port } = new URL(origin);
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers["proxy-authorization"] ?? ""}`.trim());
    const { pathname } = new URL(request.url ?? "");
    const onward = httpRequest(
      { hostname, port, path: pathname, method: request.method ?? "GET" },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502);
        answer.pipe(response);
      },
    );
    request.pipe(onward);
  });
  server.on("connect", (request, socket: Socket, head) => {
    asked.push(`CONNECT ${request.url} ${request.headers["x-from"] ?? ""}`.trim());
    const onward = connect(Number(port), hostname, () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      onward.write(head);
      onward.pipe(socket).pipe(onward);
    });
    for (const each of [socket, onward]) {
      sockets.add(each);
      each.on("error", () => socket.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => {
    for (const socket of sockets) socket.destroy();
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

test("a proxy is asked for names that only it can look up, and is told who asks", async () => {
  const { url, seen } = await target();
  const proxy = await forwardProxy(url);
  const own = notifier("webhook", {
    url: "http://only-behind-the-proxy.invalid/hook",
    http_config: { proxy_url: proxy.url.replace("//", "//ana:pw@") },
  });
  await own.notify(notification, never);
  expect(seen).toHaveLength(1);
  expect(proxy.asked).toEqual([
    `POST http://only-behind-the-proxy.invalid/hook Basic ${Buffer.from("ana:pw").toString("base64")}`,
  ]);
});

test("https goes through a tunnel, with the headers that are meant for the proxy", async () => {
  const proxy = await forwardProxy("http://127.0.0.1:1");
  const own = notifier("webhook", {
    url: "https://hooks.invalid/hook",
    http_config: { proxy_url: proxy.url, proxy_connect_header: { "X-From": ["tocsin"] } },
  });
  await expect(own.notify(notification, never)).rejects.toMatchObject({
    code: "ALERTS_NOTIFY_UNREACHABLE",
    retryable: true,
  });
  expect(proxy.asked).toEqual(["CONNECT hooks.invalid:443 tocsin"]);
});

test("a proxy that never answers is given up on", async () => {
  const silent = createTcpServer((socket) => socket.resume());
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  closing.push(() => new Promise((resolve) => silent.close(resolve)));
  const own = notifier("webhook", {
    url: "https://hooks.invalid/hook",
    timeout: "100ms",
    http_config: { proxy_url: `http://127.0.0.1:${(silent.address() as AddressInfo).port}` },
  });
  await expect(own.notify(notification, never)).rejects.toMatchObject({
    code: "ALERTS_NOTIFY_UNREACHABLE",
    message: expect.stringContaining("no complete answer within 0.1 s"),
  });
});

test("an address that is not allowed is not asked for through a proxy either", async () => {
  const own = notifier("webhook", {
    url: "http://169.254.169.254/latest",
    http_config: { proxy_url: "http://127.0.0.1:1" },
  });
  await expect(own.notify(notification, never)).rejects.toMatchObject({
    code: "ALERTS_NOTIFY_FORBIDDEN_ADDRESS",
  });
});

const oauth2 = (tokenUrl: string) => ({
  oauth2: {
    client_id: "tocsin",
    client_secret: "s&cret",
    token_url: tokenUrl,
    scopes: ["alerts", "write"],
    endpoint_params: { audience: "hooks" },
  },
});
const token = (text: string) => ({
  status: 200,
  body: JSON.stringify({ access_token: text, expires_in: 60 }),
});

test("OAuth 2.0: one token until shortly before its end, and a new one once it was refused", async () => {
  const tokens = await target([token("one"), token("two"), token("three")]);
  const hooks = await target([
    { status: 200 },
    { status: 200 },
    { status: 200 },
    { status: 401 },
    { status: 200 },
  ]);
  const clock = new ManualClock(T0);
  const http = configuredHttp(HttpConfig.parse(oauth2(tokens.url)), { http: deps.http, clock });
  const bearers = async () => {
    await http.request({ url: hooks.url });
    return hooks.seen.at(-1)?.headers.authorization;
  };
  expect(await bearers()).toBe("Bearer one");
  await clock.advance(49_000);
  expect(await bearers()).toBe("Bearer one");
  await clock.advance(1_000);
  expect(await bearers()).toBe("Bearer two");
  expect(await bearers()).toBe("Bearer two");
  expect(await bearers()).toBe("Bearer three");
  expect(tokens.seen[0]?.headers.authorization).toBe(
    `Basic ${Buffer.from("tocsin:s%26cret").toString("base64")}`,
  );
  expect(Object.fromEntries(new URLSearchParams(tokens.seen[0]?.body))).toEqual({
    grant_type: "client_credentials",
    scope: "alerts write",
    audience: "hooks",
  });
});

test("OAuth 2.0: a server that wants the client in the body gets it there", async () => {
  const tokens = await target([{ status: 401 }, token("one")]);
  const hooks = await target();
  await notifier("webhook", { url: hooks.url, http_config: oauth2(tokens.url) }).notify(notification, never);
  expect(hooks.seen[0]?.headers.authorization).toBe("Bearer one");
  expect(new URLSearchParams(tokens.seen[1]?.body).get("client_secret")).toBe("s&cret");
});

test.each([
  { status: 503, retryable: true },
  { status: 403, retryable: false },
  { status: 200, retryable: false },
])("OAuth 2.0: a token server that answers $status without a token", async ({ status, retryable }) => {
  const tokens = await target([{ status }, { status }]);
  const own = notifier("webhook", { url: "http://127.0.0.1:1", http_config: oauth2(tokens.url) });
  await expect(own.notify(notification, never)).rejects.toMatchObject({
    retryable,
    message: expect.not.stringContaining("s&cret"),
  });
});
