import { createHmac } from "node:crypto";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { describe, expect, test } from "vitest";
import { AlertsError, createAddressGuard } from "../src/index.js";
import { NOTIFIERS } from "../src/notify/index.js";
import {
  closing,
  deps,
  never,
  notification,
  notifier,
  type Reply,
  resolved,
  sent,
  target,
} from "./notifier-kit.js";

test("the five lines say what, how bad, since when and what changed, where, what may be done", () => {
  expect(deps.templates.fiveLines(notification)).toEqual({
    title: "PAGE checkout-availability",
    lines: [
      "PAGE checkout-availability: checkout fails <too> often",
      "9.2 % of requests fail (1104 of 12000 in 5m), spending budget 92× too fast, budget gone in 3 h 12 min",
      "since 14:12 UTC (1 m ago), after deploy checkout 1.41.3 → 1.42.0 at 14:03:40",
      "where: service checkout; route POST /pay carries 99 % of the bad ones",
      "why: http://localhost:4319/alerts/a-1",
    ],
    links: [
      { text: "Why", url: "http://localhost:4319/alerts/a-1" },
      {
        text: "Service",
        url: "http://localhost:4319/services/checkout?from=2026-11-21T13:57:45.000Z&to=2026-11-21T14:18:45.000Z",
      },
      {
        text: "Failing traces",
        url: "http://localhost:4319/traces?service=checkout&status=error&from=2026-11-21T13:57:45.000Z&to=2026-11-21T14:18:45.000Z",
      },
    ],
  });
  expect(deps.templates.fiveLines(resolved).lines[0]).toBe("resolved checkout-availability after 14 m");
});

/** The shortest entry of every notifier that speaks HTTP, towards a given address. */
const ENTRIES: Readonly<Record<string, (url: string) => object>> = {
  webhook: (url) => ({ url: `${url}/secret-path` }),
  slack: (url) => ({ api_url: `${url}/secret-path` }),
  pagerduty: (url) => ({ url: `${url}/v2/enqueue`, routing_key: "secret-key" }),
  opsgenie: (url) => ({ api_url: url, api_key: "secret-key" }),
  msteamsv2: (url) => ({ webhook_url: `${url}/secret-path` }),
  msteams: (url) => ({ webhook_url: `${url}/secret-path` }),
  discord: (url) => ({ webhook_url: `${url}/secret-path` }),
  telegram: (url) => ({ api_url: url, bot_token: "secret-token", chat_id: 1 }),
  sns: (url) => ({
    api_url: url,
    sigv4: { region: "eu-west-1", access_key: "AK", secret_key: "secret-key" },
    topic_arn: "arn:aws:sns:eu-west-1:1:t",
  }),
  victorops: (url) => ({ api_url: url, api_key: "secret-key", routing_key: "ops" }),
  pushover: (url) => ({ api_url: url, user_key: "secret-user", token: "secret-token" }),
  webex: (url) => ({
    api_url: url,
    room_id: "room",
    http_config: { authorization: { credentials: "secret-token" } },
  }),
  wechat: (url) => ({ api_url: url, corp_id: "corp", api_secret: "secret-key" }),
  rocketchat: (url) => ({ api_url: url, channel: "#ops", token: "secret-token", token_id: "secret-id" }),
  mattermost: (url) => ({ webhook_url: `${url}/secret-path` }),
  jira: (url) => ({ api_url: `${url}/rest/api/2`, project: "OPS", issue_type: "Bug" }),
  incidentio: (url) => ({ url: `${url}/secret-path`, alert_source_token: "secret-token" }),
};

test("every notifier that speaks HTTP keeps the contract below", () => {
  const others = ["email", "log"];
  expect(Object.keys(ENTRIES).sort()).toEqual(
    NOTIFIERS.map(({ type }) => type)
      .filter((type) => !others.includes(type))
      .sort(),
  );
});

/** Requests of one firing and one resolved message, where it is not one each. */
const REQUESTS: Readonly<Record<string, number>> = {
  // A token first.
  wechat: 3,
  // A search each, and an issue for what fires.
  jira: 3,
};

describe.each(Object.keys(ENTRIES))("%s keeps the contract of notifiers", (type) => {
  const failureOf = async (reply: Reply, signal = never): Promise<AlertsError> => {
    const { url } = await target([reply]);
    const error: unknown = await notifier(type, ENTRIES[type]!(url))
      .notify(notification, signal)
      .then(
        () => new Error("it was taken"),
        (thrown: unknown) => thrown,
      );
    if (!(error instanceof AlertsError)) throw error;
    expect(error.message).not.toMatch(/secret/);
    return error;
  };

  test("2xx is taken, firing and resolved", async () => {
    const { url, seen } = await target();
    const own = notifier(type, ENTRIES[type]!(url));
    await own.notify(notification, never);
    await own.notify(resolved, never);
    expect(seen).toHaveLength(REQUESTS[type] ?? 2);
    expect(own.destination).not.toMatch(/secret/);
  });
  test("400 is final", async () => {
    expect(await failureOf({ status: 400 })).toMatchObject({
      code: "ALERTS_NOTIFY_REJECTED",
      retryable: false,
    });
  });
  test("a redirect is not followed", async () => {
    expect(await failureOf({ status: 302, headers: { location: "http://127.0.0.1:1/" } })).toMatchObject({
      retryable: false,
    });
  });
  test("429 asks for a pause", async () => {
    expect(await failureOf({ status: 429, headers: { "retry-after": "7" } })).toMatchObject({
      code: "ALERTS_NOTIFY_THROTTLED",
      retryable: true,
      retryAfterMs: 7_000,
    });
  });
  test("503 may pass", async () => {
    expect(await failureOf({ status: 503 })).toMatchObject({
      code: "ALERTS_NOTIFY_UNREACHABLE",
      retryable: true,
    });
  });
  test("a call that is given up ends at once", async () => {
    const abort = new AbortController();
    setImmediate(() => abort.abort());
    expect(await failureOf("hang", abort.signal)).toMatchObject({
      code: "ALERTS_NOTIFY_UNREACHABLE",
      retryable: true,
    });
  });
  test("nobody there may change", async () => {
    const own = notifier(type, ENTRIES[type]!("http://127.0.0.1:1"));
    await expect(own.notify(notification, never)).rejects.toMatchObject({
      code: "ALERTS_NOTIFY_UNREACHABLE",
      retryable: true,
    });
  });
});

test("webhook: signed by Standard Webhooks when a secret is given", async () => {
  const [request] = await sent(
    "webhook",
    (url) => ({ url, signing_secret: `whsec_${Buffer.from("key").toString("base64")}` }),
    notification,
  );
  const { "webhook-id": id, "webhook-timestamp": at, "webhook-signature": signature } = request!.headers;
  expect(id).toBe(notification.id);
  expect(signature).toBe(
    `v1,${createHmac("sha256", "key").update(`${id}.${at}.${request!.body}`).digest("base64")}`,
  );
});

test("webhook: max_alerts cuts and counts", async () => {
  const many = {
    ...notification,
    alerts: [0, 1, 2].map((index) => ({ ...notification.alerts[0]!, id: `a-${index}` })),
  };
  const [request] = await sent("webhook", (url) => ({ url, max_alerts: 2 }), many);
  expect(JSON.parse(request!.body)).toMatchObject({ truncatedAlerts: 1, alerts: [{}, {}] });
});

test("authorization, headers and secrets from files go with the request", async () => {
  const { mkdtemp, writeFile, rm } = await import("node:fs/promises");
  const dir = await mkdtemp("/tmp/tocsin-secret-");
  closing.push(() => rm(dir, { recursive: true }));
  await writeFile(`${dir}/token`, "t0ken\n");
  const [request] = await sent(
    "webhook",
    (url) => ({
      url,
      http_config: {
        authorization: { credentials_file: `${dir}/token` },
        http_headers: { "X-Team": { values: ["shop"] } },
      },
    }),
    notification,
  );
  expect(request!.headers).toMatchObject({ authorization: "Bearer t0ken", "x-team": "shop" });
});

test("slack: the Web API changes the one message of a group, and the next incident gets its own", async () => {
  const { url, seen } = await target();
  const own = notifier("slack", {
    app_token: "xoxb-1",
    app_url: `${url}/api/chat.postMessage`,
    channel: "#oncall",
  });
  const first = await own.notify(notification, never);
  expect(first).toEqual({ ts: "1.2", channel: "C1", severity: "page" });
  const second = await own.notify({ ...resolved, previous: first }, never);
  const third = await own.notify({ ...notification, previous: second }, never);
  expect(third).toEqual(first);
  expect(seen.map(({ path }) => path)).toEqual([
    "/api/chat.postMessage",
    "/api/chat.update",
    "/api/chat.postMessage",
  ]);
  expect(JSON.parse(seen[0]!.body)).toMatchObject({
    channel: "#oncall",
    attachments: [{ title: "PAGE checkout-availability", color: "#99180A" }],
  });
  expect(JSON.parse(seen[1]!.body)).toMatchObject({
    channel: "C1",
    ts: "1.2",
    attachments: [{ color: "#00857A" }],
  });
  expect(seen[0]!.headers.authorization).toBe("Bearer xoxb-1");
});

test("slack: an answer that is not ok is a failure, retryable when it says so", async () => {
  for (const [error, retryable] of [
    ["channel_not_found", false],
    ["ratelimited", true],
  ] as const) {
    const { url } = await target([{ status: 200, body: JSON.stringify({ ok: false, error }) }]);
    const own = notifier("slack", { app_token: "xoxb-1", app_url: url, channel: "#x" });
    await expect(own.notify(notification, never)).rejects.toMatchObject({
      retryable,
      message: expect.stringContaining(error),
    });
  }
});

test("slack: templates of the config are used, with Alertmanager's data and functions", async () => {
  const text =
    '{{ range .Alerts.Firing }}{{ .Labels.service | toUpper }}{{ end }} {{ .CommonLabels.SortedPairs.Names | join "," }}';
  const [request] = await sent(
    "slack",
    (url) => ({ api_url: url, text, title: '{{ template "slack.default.title" . }}' }),
    notification,
  );
  expect(JSON.parse(request!.body)).toMatchObject({
    attachments: [
      {
        text: "CHECKOUT alertname,service,severity,slo",
        title: "[FIRING:1] CheckoutBurn (checkout page checkout-availability)",
      },
    ],
  });
});

test("a template that fails while it runs shows its place and never hides the alert", async () => {
  const [request] = await sent("slack", (url) => ({ api_url: url, text: "{{ .Nope }}" }), notification);
  const { text } = (JSON.parse(request!.body) as { attachments: { text: string }[] }).attachments[0]!;
  expect(text).toMatch(/^\[template fault at 1:4 can't evaluate field Nope/);
  expect(text).toContain("PAGE checkout-availability");
});

test("pagerduty: one incident per group, resolved with it; details go before the alarm does", async () => {
  const huge = { ...notification, commonLabels: { ...notification.commonLabels, big: "x".repeat(600_000) } };
  const [first, second, third] = await sent("pagerduty", ENTRIES.pagerduty!, notification, resolved, huge);
  const [trigger, resolve, cutOne] = [first, second, third].map(
    (each) => JSON.parse(each!.body) as Record<string, never>,
  );
  expect(trigger).toMatchObject({
    event_action: "trigger",
    payload: { severity: "critical", summary: "PAGE checkout-availability: checkout fails <too> often" },
  });
  expect(resolve).toMatchObject({ event_action: "resolve", dedup_key: trigger!.dedup_key });
  expect(cutOne).toMatchObject({
    payload: { custom_details: { message: "The details were too large; see the link." } },
  });
});

test("opsgenie: creates under an alias and closes it", async () => {
  const [create, close] = await sent("opsgenie", ENTRIES.opsgenie!, notification, resolved);
  const { alias } = JSON.parse(create!.body) as { alias: string };
  expect(create).toMatchObject({ path: "/v2/alerts", headers: { authorization: "GenieKey secret-key" } });
  expect(close!.path).toBe(`/v2/alerts/${alias}/close?identifierType=alias`);
});

const ticketOnly = {
  ...notification,
  commonLabels: { ...notification.commonLabels, severity: "ticket" },
  alerts: notification.alerts.map((alert) => ({ ...alert, labels: { ...alert.labels, severity: "ticket" } })),
};
const both = {
  ...notification,
  isIncident: true,
  alerts: [...ticketOnly.alerts, ...notification.alerts],
  commonLabels: Object.fromEntries(
    Object.entries(notification.commonLabels).filter(([name]) => name !== "severity"),
  ),
};

test("slack: a ticket that becomes a page is said aloud in the thread of its message, once", async () => {
  const { url, seen } = await target();
  const own = notifier("slack", {
    app_token: "x",
    app_url: `${url}/api/chat.postMessage`,
    channel: "#oncall",
  });
  const first = await own.notify(ticketOnly, never);
  const second = await own.notify({ ...both, previous: first }, never);
  await own.notify({ ...both, previous: second }, never);
  expect(seen.map(({ path }) => path)).toEqual([
    "/api/chat.postMessage",
    "/api/chat.update",
    "/api/chat.postMessage",
    "/api/chat.update",
  ]);
  expect(JSON.parse(seen[2]!.body)).toEqual({
    channel: "C1",
    thread_ts: "1.2",
    reply_broadcast: true,
    text: "PAGE checkout-availability (2 alerts): checkout fails &lt;too&gt; often",
  });
  expect(JSON.parse(seen[1]!.body)).toMatchObject({ attachments: [{ color: "#99180A" }] });
});

test("pagerduty: a ticket that becomes a page is the same incident, and critical from then on", async () => {
  const events = (await sent("pagerduty", ENTRIES.pagerduty!, ticketOnly, both, resolved)).map(
    ({ body }) => JSON.parse(body) as { dedup_key: string; payload: { severity: string } },
  );
  expect(new Set(events.map(({ dedup_key }) => dedup_key)).size).toBe(1);
  expect(events.map(({ payload }) => payload.severity).slice(0, 2)).toEqual(["warning", "critical"]);
});

test("opsgenie: a ticket that becomes a page goes on in a new alert, and the old one is closed", async () => {
  const { url, seen } = await target();
  const own = notifier("opsgenie", { ...ENTRIES.opsgenie!(url) });
  const first = await own.notify(ticketOnly, never);
  const second = await own.notify({ ...both, previous: first }, never);
  const again = await own.notify({ ...both, previous: second }, never);
  await own.notify({ ...resolved, previous: again }, never);
  expect(again).toEqual(second);
  const [old, loud] = [first!.alias, second!.alias];
  expect(loud).not.toBe(old);
  expect(
    seen.map(({ path, body }) => `${path} ${(JSON.parse(body) as { alias?: string }).alias ?? ""}`),
  ).toEqual([
    `/v2/alerts ${old}`,
    `/v2/alerts ${loud}`,
    `/v2/alerts/${old}/close?identifierType=alias `,
    `/v2/alerts ${loud}`,
    `/v2/alerts/${loud}/close?identifierType=alias `,
  ]);
});

test.each([
  { type: "discord", path: ["embeds", 0, "description"], max: 4_096 },
  { type: "telegram", path: ["text"], max: 4_096 },
  { type: "slack", path: ["attachments", 0, "text"], max: 8_000 },
  { type: "opsgenie", path: ["description"], max: 15_000 },
])("$type: a text beyond the limit is cut, ending with a link", async ({ type, path, max }) => {
  const long = {
    ...notification,
    alerts: [{ ...notification.alerts[0]!, annotations: { summary: "€".repeat(30_000) } }],
  };
  const [request] = await sent(type, ENTRIES[type]!, long);
  const text = path.reduce<unknown>(
    (value, step) => (value as Record<string, unknown>)[step],
    JSON.parse(request!.body),
  ) as string;
  expect(text.length).toBeLessThanOrEqual(max);
  expect(text).toMatch(/… http:\/\/localhost:4319\/alerts$/);
});

test.each([
  { type: "discord", body: '{"message":"slow down","retry_after":1.5}', want: 1_500 },
  {
    type: "telegram",
    body: '{"ok":false,"description":"Too Many Requests","parameters":{"retry_after":9}}',
    want: 9_000,
  },
])("$type: the pause that the body asks for is honoured", async ({ type, body, want }) => {
  const { url } = await target([{ status: 429, body }]);
  await expect(notifier(type, ENTRIES[type]!(url)).notify(notification, never)).rejects.toMatchObject({
    retryAfterMs: want,
  });
});

test("sns: the request is signed, and a fifo topic gets its ids", async () => {
  const [request] = await sent(
    "sns",
    (url) => ({ ...ENTRIES.sns!(url), topic_arn: "arn:aws:sns:eu-west-1:1:t.fifo" }),
    notification,
  );
  const form = new URLSearchParams(request!.body);
  expect(form.get("MessageDeduplicationId")).toBe(notification.id);
  expect(request!.headers.authorization).toMatch(
    /^AWS4-HMAC-SHA256 Credential=AK\/20261121\/eu-west-1\/sns\/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=[0-9a-f]{64}$/,
  );
});

test("private and reserved addresses are refused unless they are allowed", async () => {
  for (const url of [
    "http://10.1.2.3/",
    "http://169.254.169.254/latest",
    "http://[fe80::1]/",
    "http://[::ffff:10.0.0.1]/",
    "http://0.0.0.0/",
  ]) {
    await expect(deps.http.request({ url })).rejects.toMatchObject({
      code: "ALERTS_NOTIFY_FORBIDDEN_ADDRESS",
      retryable: false,
    });
  }
  const guard = createAddressGuard({ allowPrivateTargets: ["10.1.0.0/16"] });
  expect(() => guard.check("10.1.2.3", "x")).not.toThrow();
  expect(() => guard.check("10.2.2.3", "x")).toThrow(
    /x \(10\.2\.2\.3\) is a private or reserved address.*allow_private_targets/,
  );
});

/** The least of an SMTP server: takes one mail after another and keeps them. */
async function mailServer(replies: { rcpt?: string } = {}) {
  const mails: string[] = [];
  const server = createTcpServer((socket) => {
    let isData = false;
    let mail = "";
    socket.write("220 test\r\n");
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      for (const line of chunk.toString().split(/\r\n/)) {
        if (isData) {
          if (line === ".") {
            mails.push(mail);
            isData = false;
            socket.write("250 kept\r\n");
          } else mail += `${line}\n`;
          continue;
        }
        if (line === "") continue;
        if (/^DATA/i.test(line)) {
          isData = true;
          mail = "";
          socket.write("354 go on\r\n");
        } else if (/^RCPT/i.test(line)) socket.write(`${replies.rcpt ?? "250 ok"}\r\n`);
        else if (/^QUIT/i.test(line)) socket.end("221 bye\r\n");
        else socket.write("250 ok\r\n");
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => new Promise((resolve) => server.close(resolve)));
  return { smarthost: `127.0.0.1:${(server.address() as AddressInfo).port}`, mails };
}

const mail = { to: "oncall@example.org", from: "tocsin@example.org" };

test("email: mails about one group form one thread", async () => {
  const { smarthost, mails } = await mailServer();
  const own = notifier("email", { ...mail, smarthost, require_tls: false });
  await own.notify(notification, never);
  await own.notify({ ...resolved, id: "fedcba" }, never);
  expect(mails).toHaveLength(2);
  expect(mails[0]).toContain("Subject: PAGE checkout-availability");
  expect(mails[0]).toContain("checkout fails &lt;too&gt; often");
  const thread = mails.map((text) => /^References: (.*)$/m.exec(text)?.[1]);
  expect(thread[0]).toBe(thread[1]);
  expect(thread[0]).toMatch(/^<[0-9a-f]{32}@tocsin>$/);
});

test("email: a server without STARTTLS is refused by default, and an unknown address is final", async () => {
  const { smarthost } = await mailServer({ rcpt: "550 no such person" });
  await expect(notifier("email", { ...mail, smarthost }).notify(notification, never)).rejects.toMatchObject({
    code: "ALERTS_NOTIFY_UNREACHABLE",
  });
  await expect(
    notifier("email", { ...mail, smarthost, require_tls: false }).notify(notification, never),
  ).rejects.toMatchObject({
    code: "ALERTS_NOTIFY_REJECTED",
    retryable: false,
  });
});
