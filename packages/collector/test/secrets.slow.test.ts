import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type CollectorProcess, startProcess } from "./process.js";

const COMMAND = fileURLToPath(new URL("../bin/tocsin.js", import.meta.url));
/** Every secret holds this word, so that none can be seen anywhere without it. */
const CANARY = "canary";

let dir = "";
let collector: CollectorProcess;
const servers: Server[] = [];
const told: string[] = [];

async function listen(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  servers.push(server);
  return (server.address() as AddressInfo).port;
}

/** Refuses everything, and says in its answer all that it was sent: the worst that a server can do. */
async function echoServer(): Promise<number> {
  return listen(
    createServer(async (request, response) => {
      let body = "";
      for await (const chunk of request) body += chunk;
      told.push(request.url ?? "");
      const said = `${request.method} ${request.url} ${JSON.stringify(request.headers)} ${body}`;
      response.writeHead(told.length % 2 ? 400 : 503, { "content-type": "application/json" });
      response.end(JSON.stringify({ message: said, description: said, error: said, errors: [said] }));
    }),
  );
}

/** A mail server that refuses the login, and repeats it. */
async function mailServer(): Promise<number> {
  return listen(
    createTcpServer((socket) => {
      socket.write("220 mail\r\n");
      socket.on("error", () => {});
      socket.on("data", (data) => {
        const line = data.toString();
        if (/^EHLO/i.test(line)) socket.write("250-mail\r\n250 AUTH PLAIN LOGIN\r\n");
        else if (/^AUTH PLAIN/i.test(line)) {
          told.push("mail");
          const words = Buffer.from(line.split(" ")[2] ?? "", "base64")
            .toString()
            .replaceAll("\0", " ");
          socket.write(`535 no such user:${words} (${line.trim()})\r\n`);
        } else socket.write("250 ok\r\n");
      });
    }),
  );
}

const FILE_SECRETS = ["routing-key", "bot-token", "webhook-url", "api-key"];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "tocsin-secrets-"));
  await mkdir(join(dir, "secrets"));
  const [http, mail] = [`http://127.0.0.1:${await echoServer()}`, await mailServer()];
  for (const name of FILE_SECRETS)
    await writeFile(
      join(dir, "secrets", name),
      name === "webhook-url" ? `${http}/file-${CANARY}-url` : `file-${CANARY}-${name}\n`,
    );
  const file = (name: string) => join(dir, "secrets", name);
  const receivers = {
    webhook_configs: [
      { url: `${http}/${CANARY}-hook/x?key=${CANARY}-query`, signing_secret: `${CANARY}-signing` },
      {
        url_file: file("webhook-url"),
        http_config: { basic_auth: { username: "me", password: `${CANARY}-basic` } },
      },
      {
        url: `${http}/a`,
        http_config: {
          authorization: { credentials: "${CANARY_FROM_ENV}" },
          http_headers: { "x-key": { secrets: [`${CANARY}-header`] } },
        },
      },
      {
        url: `${http}/b`,
        http_config: {
          oauth2: { client_id: "me", client_secret: `${CANARY}-oauth`, token_url: `${http}/token` },
        },
      },
    ],
    slack_configs: [
      { api_url: `${http}/services/${CANARY}/slack` },
      { app_token: `xoxb-${CANARY}-slack`, app_url: `${http}/api/chat.postMessage`, channel: "#a" },
    ],
    pagerduty_configs: [
      { url: http, routing_key: `${CANARY}-pagerduty` },
      { url: http, routing_key_file: file("routing-key") },
    ],
    opsgenie_configs: [{ api_url: http, api_key_file: file("api-key") }],
    telegram_configs: [
      { api_url: http, bot_token: `1:${CANARY}-telegram`, chat_id: 1 },
      { api_url: http, bot_token_file: file("bot-token"), chat_id: 2 },
    ],
    discord_configs: [{ webhook_url: `${http}/api/webhooks/1/${CANARY}-discord` }],
    msteamsv2_configs: [{ webhook_url: `${http}/workflows/${CANARY}-teams` }],
    victorops_configs: [{ api_url: http, api_key: `${CANARY}-victorops`, routing_key: "ops" }],
    pushover_configs: [{ api_url: http, user_key: `${CANARY}-user`, token: `${CANARY}-token` }],
    sns_configs: [
      {
        api_url: http,
        topic_arn: "arn:aws:sns:eu-west-1:1:t",
        sigv4: { region: "eu-west-1", access_key: "AK", secret_key: `${CANARY}-aws` },
      },
    ],
    email_configs: [
      {
        to: "a@example.org",
        from: "b@example.org",
        smarthost: `127.0.0.1:${mail}`,
        auth_username: "me",
        auth_password: `${CANARY}-mail`,
        require_tls: false,
      },
    ],
  };
  await writeFile(
    join(dir, "rules.yml"),
    "groups: [{ name: g, interval: 1s, rules: [{ alert: Always, expr: vector(1), labels: { severity: page } }] }]\n",
  );
  await writeFile(
    join(dir, "tocsin.yaml"),
    JSON.stringify({
      store: "none",
      rule_files: ["rules.yml"],
      auth: { tokens: [{ name: "me", token: `${CANARY}-api-token`, can: ["read", "write", "act"] }] },
      remote_write: [{ url: `${http}/write`, authorization: { credentials: `${CANARY}-remote-write` } }],
      alerting: {
        route: { receiver: "all", group_wait: "0s", group_interval: "1s" },
        receivers: [{ name: "all", ...receivers }],
        heartbeat: { url: `${http}/ping/${CANARY}-heartbeat`, interval: "1s" },
      },
    }),
  );
  collector = await startProcess({
    args: ["--config", join(dir, "tocsin.yaml")],
    env: { CANARY_FROM_ENV: `${CANARY}-from-env` },
  });
}, 60_000);

afterAll(async () => {
  await collector?.stop();
  for (const server of servers) server.close();
  await rm(dir, { recursive: true, force: true });
});

function run(...args: string[]): Promise<string> {
  return new Promise((resolve) => {
    const env = {
      ...process.env,
      TOCSIN_TOKEN: `${CANARY}-api-token`,
      CANARY_FROM_ENV: `${CANARY}-from-env`,
    };
    execFile(process.execPath, [COMMAND, ...args], { cwd: dir, env }, (_error, out, err) =>
      resolve(out + err),
    );
  });
}

async function get(path: string): Promise<string> {
  const response = await fetch(collector.url + path, {
    headers: { authorization: `Bearer ${CANARY}-api-token` },
    signal: AbortSignal.timeout(5_000),
  });
  return response.text();
}

test("no secret of a config is seen in logs, APIs, metrics, the journal or a command's output", async () => {
  // Sixteen ways out, each refused or failing, each having said its secret to a server that says it back.
  await expect.poll(() => new Set(told).size, { timeout: 30_000 }).toBeGreaterThan(14);
  const outputs = new Map<string, string>();
  const document = JSON.parse(await get("/api/v1/openapi.json")) as {
    paths: Record<string, { get?: object }>;
  };
  const paths = Object.entries(document.paths)
    .filter(
      ([path, { get: has }]) =>
        has && !path.includes("{") && !path.endsWith("/tail") && !path.endsWith("/events"),
    )
    .map(([path]) => `/api/v1${path}`);
  expect(paths.length).toBeGreaterThan(10);
  for (const path of [
    ...paths,
    "/metrics",
    "/alertmanager/api/v2/status",
    "/alertmanager/api/v2/alerts",
    "/alertmanager/api/v2/receivers",
    "/prometheus/api/v1/status/config",
    "/prometheus/api/v1/rules",
  ])
    outputs.set(path, await get(path).catch((error: unknown) => String(error)));
  const list = JSON.parse(outputs.get("/api/v1/notifications") ?? "[]") as { error?: string }[];
  expect(list.filter(({ error }) => error).length).toBeGreaterThan(10);
  for (const args of [
    ["check", "tocsin.yaml"],
    ["alert", "list", "--json", "--url", collector.url],
    ["doctor", "--url", collector.url],
    ["alert", "route", "severity=page", "--url", collector.url],
  ])
    outputs.set(args.join(" "), await run(...args));
  // A fault beside a secret is shown with its line.
  await writeFile(
    join(dir, "bad.yaml"),
    `alerting: { route: { receiver: a }, receivers: [{ name: a, slack_configs: [{ api_url: "https://x/${CANARY}-in-line", chanel: "#a" }] }] }\n`,
  );
  outputs.set("check bad.yaml", await run("check", "bad.yaml"));
  expect(outputs.get("check bad.yaml")).toContain("chanel");
  for (const name of await readdir(collector.dataDir, { recursive: true }))
    outputs.set(name, await readFile(join(collector.dataDir, name), "latin1").catch(() => ""));
  outputs.set("log", collector.log());
  expect(collector.log()).toContain("notification");
  const leaks = [...outputs].flatMap(([name, text]) =>
    [...text.matchAll(new RegExp(`.{0,80}${CANARY}.{0,40}`, "g"))]
      .slice(0, 3)
      .map(([found]) => `${name}: ${found}`),
  );
  expect(leaks).toEqual([]);
}, 120_000);
