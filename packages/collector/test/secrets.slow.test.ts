import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { EchoServers } from "./echo-servers.js";
import { type CollectorProcess, startProcess } from "./process.js";

const COMMAND = fileURLToPath(new URL("../bin/tocsin.js", import.meta.url));
/** Every secret holds this word, so that none can be seen anywhere without it. */
const CANARY = "canary";

let dir = "";
let collector: CollectorProcess;
const servers = new EchoServers();

const FILE_SECRETS = ["routing-key", "bot-token", "webhook-url", "api-key"];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "tocsin-secrets-"));
  await mkdir(join(dir, "secrets"));
  const [http, mail] = [`http://127.0.0.1:${await servers.http()}`, await servers.mail()];
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
  servers.close();
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

async function get(from: CollectorProcess, path: string): Promise<string> {
  const response = await fetch(from.url + path, {
    headers: { authorization: `Bearer ${CANARY}-api-token` },
    signal: AbortSignal.timeout(5_000),
  });
  return response.text();
}

/** Everything that a collector shows: its APIs, what commands make of them, its files and its log. */
async function outputsOf(
  from: CollectorProcess,
  commands: readonly string[][],
): Promise<Map<string, string>> {
  const outputs = new Map<string, string>();
  const document = JSON.parse(await get(from, "/api/v1/openapi.json")) as {
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
    "/prometheus/api/v1/query?query=up",
    "/prometheus/api/v1/rules",
    "/prometheus/api/v1/status/config",
    "/prometheus/api/v1/targets",
  ])
    outputs.set(path, await get(from, path).catch((error: unknown) => String(error)));
  for (const args of commands) outputs.set(args.join(" "), await run(...args));
  for (const name of await readdir(from.dataDir, { recursive: true }))
    outputs.set(name, await readFile(join(from.dataDir, name), "latin1").catch(() => ""));
  outputs.set("log", from.log());
  return outputs;
}

/** Where a secret is seen, plain or as basic authorization of the user "me" carries it. */
function leaksIn(outputs: ReadonlyMap<string, string>): string[] {
  const carried = Buffer.from(`me:${CANARY}`).toString("base64");
  return [...outputs].flatMap(([name, text]) =>
    [...text.matchAll(new RegExp(`.{0,80}(${CANARY}|${carried}).{0,40}`, "g"))]
      .slice(0, 10)
      .map(([found]) => `${name}: ${found}`),
  );
}

test("no secret of a config is seen in logs, APIs, metrics, the journal or a command's output", async () => {
  // Sixteen ways out, each refused or failing, each having said its secret to a server that says it back.
  await expect.poll(() => new Set(servers.told).size, { timeout: 30_000 }).toBeGreaterThan(14);
  const outputs = await outputsOf(collector, [
    ["check", "tocsin.yaml"],
    ["alert", "list", "--json", "--url", collector.url],
    ["doctor", "--url", collector.url],
    ["alert", "route", "severity=page", "--url", collector.url],
  ]);
  const list = JSON.parse(outputs.get("/api/v1/notifications") ?? "[]") as { error?: string }[];
  expect(list.filter(({ error }) => error).length).toBeGreaterThan(10);
  // A fault beside a secret is shown with its line.
  await writeFile(
    join(dir, "bad.yaml"),
    `alerting: { route: { receiver: a }, receivers: [{ name: a, slack_configs: [{ api_url: "https://x/${CANARY}-in-line", chanel: "#a" }] }] }\n`,
  );
  outputs.set("check bad.yaml", await run("check", "bad.yaml"));
  expect(outputs.get("check bad.yaml")).toContain("chanel");
  expect(collector.log()).toContain("notification");
  expect(leaksIn(outputs)).toEqual([]);
}, 120_000);

test("nor is one of what telemetry is passed on, scraped and kept with", async () => {
  const others = new EchoServers();
  const echo = `127.0.0.1:${await others.http()}`;
  const grpc = `127.0.0.1:${await others.grpc()}`;
  const password = join(dir, "secrets", "password");
  await writeFile(password, `${CANARY}-in-file\n`);
  const authorized = (name: string) => ({ authorization: { credentials: `${CANARY}-${name}` } });
  const signedIn = { basic_auth: { username: "me", password_file: password } };
  const withPassword = (scheme: string, name: string) => `${scheme}://me:${CANARY}-${name}@`;
  await writeFile(
    join(dir, "outward.yaml"),
    JSON.stringify({
      auth: { tokens: [{ name: "me", token: `${CANARY}-api-token`, can: ["read", "write", "act"] }] },
      forward: {
        endpoints: [`${withPassword("http", "forward")}${echo}/forward`],
        headers: { "x-key": `${CANARY}-forward-header` },
        max_backoff: "100ms",
      },
      exporters: [
        {
          name: "rpc",
          otlp: {
            endpoints: [`${withPassword("grpc", "rpc")}${grpc}`],
            headers: { "x-key": `${CANARY}-rpc-header` },
          },
        },
        { name: "write", prometheus_remote_write: { url: `http://${echo}/exporter`, ...signedIn } },
      ],
      remote_write: [
        {
          name: "url",
          url: `${withPassword("http", "write")}${echo}/url`,
          headers: { "x-key": `${CANARY}-write-header` },
        },
      ],
      scrape_configs: [
        {
          job_name: "targets",
          scrape_interval: "1s",
          ...signedIn,
          static_configs: [{ targets: [echo] }],
          http_sd_configs: [
            {
              url: `${withPassword("http", "discovery")}${echo}/discovery`,
              refresh_interval: "1s",
              ...authorized("sd"),
            },
          ],
        },
        {
          job_name: "token",
          scrape_interval: "1s",
          metrics_path: "/token",
          bearer_token: `${CANARY}-scrape`,
          static_configs: [{ targets: [echo] }],
        },
      ],
      store: {
        clickhouse: { url: `http://${echo}`, username: "me", password: `${CANARY}-store` },
        metrics: {
          prometheus: {
            query_url: `${withPassword("http", "engine")}${echo}/engine`,
            remote_write_url: `http://${echo}/engine-write`,
            bearer_token: `${CANARY}-engine-token`,
            headers: { "x-key": `${CANARY}-engine-header` },
          },
        },
      },
    }),
  );
  // All of it is one line, which is shown with its fault.
  const written = await readFile(join(dir, "outward.yaml"), "utf8");
  await writeFile(join(dir, "typo.yaml"), written.replace("{", '{"forwrad":1,'));
  const outward = await startProcess({ args: ["--config", join(dir, "outward.yaml")] });
  try {
    const span = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331", name: "a" };
    const point = { timeUnixNano: `${Date.now()}000000`, asInt: "1" };
    for (const [signal, body] of Object.entries({
      traces: { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] },
      metrics: {
        resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: "m", gauge: { dataPoints: [point] } }] }] }],
      },
    })) {
      const response = await fetch(`http://127.0.0.1:${outward.otlpHttpPort}/v1/${signal}`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${CANARY}-api-token` },
        body: JSON.stringify(body),
      });
      expect(response.status).toBe(200);
    }
    for (const place of [
      "/forward",
      "Trace",
      "/exporter",
      "/url",
      "/metrics",
      "/token",
      "/discovery",
      "query_id=",
      "/engine-write",
    ])
      await expect.poll(() => others.told.join(" "), { timeout: 20_000 }).toContain(place);
    const outputs = await outputsOf(outward, [
      ["check", "outward.yaml"],
      ["check", "typo.yaml"],
      ["doctor", "--url", outward.url],
      ["query", "up", "--url", outward.url],
      ["traces", "--url", outward.url],
      ["logs", "--url", outward.url],
    ]);
    expect(outputs.get("check typo.yaml")).toMatch(/"x-key":"\*+"/);
    const log = outputs.get("log") ?? "";
    for (const line of [
      "endpoint refused a request for good",
      "metrics were refused",
      "scrape failed",
      "does not answer",
    ])
      expect(log).toContain(line);
    expect(others.told.join(" ")).toContain("/engine/api/v1/query");
    expect(leaksIn(outputs)).toEqual([]);
  } finally {
    await outward.stop();
    others.close();
  }
}, 120_000);
