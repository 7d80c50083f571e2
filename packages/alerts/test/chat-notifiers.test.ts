import { expect, test } from "vitest";
import { never, notification, notifier, resolved, sent, target } from "./notifier-kit.js";

const bodyOf = (request: { body: string } | undefined) => JSON.parse(request?.body ?? "null");
const longText = "é".repeat(40_000);

test("victorops: an incident keeps its id to its end, and custom fields are templates", async () => {
  const [fired, ended] = await sent(
    "victorops",
    (url) => ({
      api_url: `${url}/alert/`,
      api_key: "k e y",
      routing_key: "{{ .CommonLabels.service }}",
      custom_fields: { slo: "{{ .CommonLabels.slo }}" },
      state_message: longText,
    }),
    notification,
    resolved,
  );
  expect(fired!.path).toBe("/alert/k%20e%20y/checkout");
  expect(bodyOf(fired)).toMatchObject({
    message_type: "CRITICAL",
    entity_display_name: "PAGE checkout-availability",
    slo: "checkout-availability",
  });
  expect(bodyOf(fired).state_message).toHaveLength(20_480);
  expect(bodyOf(ended)).toMatchObject({ message_type: "RECOVERY", entity_id: bodyOf(fired).entity_id });
});

test("pushover: an alarm is repeated until somebody confirms it, its end is not", async () => {
  const [fired, ended] = await sent(
    "pushover",
    (url) => ({ api_url: url, user_key: "u", token: "t", retry: "30s", expire: "10m", message: longText }),
    notification,
    resolved,
  );
  const form = Object.fromEntries(new URLSearchParams(fired!.body));
  expect(form).toMatchObject({ user: "u", token: "t", priority: "2", retry: "30", expire: "600" });
  expect(form.message).toHaveLength(1_024);
  expect(form.message).toMatch(/http:\/\/localhost:4319\/alerts$/);
  const end = Object.fromEntries(new URLSearchParams(ended!.body));
  expect(end).toMatchObject({ priority: "0" });
  expect(end).not.toHaveProperty("retry");
});

test("webex: the message fits in bytes, not in characters", async () => {
  const [request] = await sent(
    "webex",
    (url) => ({
      api_url: url,
      room_id: "r1",
      message: longText,
      http_config: { authorization: { credentials: "bot" } },
    }),
    notification,
  );
  expect(request!.headers.authorization).toBe("Bearer bot");
  expect(bodyOf(request).roomId).toBe("r1");
  expect(Buffer.byteLength(bodyOf(request).markdown)).toBeLessThanOrEqual(7_439);
});

test("wechat: one token serves many messages, and an old one is asked for anew at the next try", async () => {
  const { url, seen } = await target([
    { status: 200, body: '{"errcode":0,"access_token":"one","expires_in":7200}' },
    { status: 200, body: '{"errcode":0}' },
    { status: 200, body: '{"errcode":42001,"errmsg":"access_token expired"}' },
    { status: 200, body: '{"errcode":0,"access_token":"two","expires_in":7200}' },
    { status: 200, body: '{"errcode":0}' },
  ]);
  const own = notifier("wechat", {
    api_url: url,
    corp_id: "c",
    api_secret: "s",
    to_user: "ana",
    agent_id: "7",
  });
  await own.notify(notification, never);
  await expect(own.notify(resolved, never)).rejects.toMatchObject({ retryable: true });
  await own.notify(resolved, never);
  expect(seen.map(({ path }) => path)).toEqual([
    "/gettoken?corpid=c&corpsecret=s",
    "/message/send?access_token=one",
    "/message/send?access_token=one",
    "/gettoken?corpid=c&corpsecret=s",
    "/message/send?access_token=two",
  ]);
  expect(bodyOf(seen[1])).toMatchObject({
    touser: "ana",
    agentid: "7",
    msgtype: "text",
    text: { content: expect.stringContaining("PAGE checkout-availability") },
  });
});

test("wechat: what will not change is final", async () => {
  const { url } = await target([{ status: 200, body: '{"errcode":40013,"errmsg":"invalid corpid"}' }]);
  const own = notifier("wechat", { api_url: url, corp_id: "c", api_secret: "s" });
  await expect(own.notify(notification, never)).rejects.toMatchObject({
    retryable: false,
    message: expect.stringContaining("invalid corpid"),
  });
});

test("rocketchat: an attachment by the REST API, and an answer that is no success is a failure", async () => {
  const entry = (url: string) => ({
    api_url: url,
    channel: "#ops",
    token: "t",
    token_id: "i",
    fields: [{ title: "slo", value: "{{ .CommonLabels.slo }}", short: true }],
  });
  const [request] = await sent("rocketchat", entry, notification);
  expect(request).toMatchObject({
    path: "/api/v1/chat.postMessage",
    headers: { "x-auth-token": "t", "x-user-id": "i" },
  });
  expect(bodyOf(request)).toMatchObject({
    channel: "#ops",
    attachments: [
      {
        title: "PAGE checkout-availability",
        color: "#99180A",
        fields: [{ title: "slo", value: "checkout-availability", short: true }],
      },
    ],
  });
  const { url } = await target([{ status: 200, body: '{"success":false,"error":"error-invalid-channel"}' }]);
  await expect(notifier("rocketchat", entry(url)).notify(notification, never)).rejects.toMatchObject({
    message: expect.stringContaining("error-invalid-channel"),
  });
});

test("mattermost: five lines by default, own attachments where they are written", async () => {
  const [plain] = await sent("mattermost", (url) => ({ webhook_url: url, channel: "ops" }), notification);
  expect(bodyOf(plain)).toMatchObject({
    channel: "ops",
    text: expect.stringContaining("#### PAGE checkout-availability"),
  });
  const [own] = await sent(
    "mattermost",
    (url) => ({
      webhook_url: url,
      attachments: [{ title: "{{ .Status }}", fields: [{ title: "a", value: "{{ .Receiver }}" }] }],
      priority: { priority: "urgent", requested_ack: true },
    }),
    resolved,
  );
  expect(bodyOf(own)).toEqual({
    attachments: [
      { title: "resolved", color: "#00857A", fields: [{ title: "a", value: "r", short: false }] },
    ],
    priority: { priority: "urgent", requested_ack: true },
  });
});

test("incidentio: Alertmanager's message with a token, alerts left out until it fits", async () => {
  const alert = { ...notification.alerts[0]!, annotations: { summary: "x".repeat(2_000) } };
  const many = { ...notification, alerts: Array.from({ length: 400 }, () => alert) };
  const [request] = await sent("incidentio", (url) => ({ url, alert_source_token: "t" }), many);
  expect(request!.headers.authorization).toBe("Bearer t");
  expect(Buffer.byteLength(request!.body)).toBeLessThanOrEqual(512 * 1_024);
  const body = bodyOf(request);
  expect(body).toMatchObject({ version: "4", receiver: "r", status: "firing" });
  expect(body.alerts.length + body.truncatedAlerts).toBe(400);
});

const found = (category: string) => ({
  status: 200,
  body: JSON.stringify({
    issues: [{ key: "OPS-7", fields: { status: { statusCategory: { key: category } } } }],
  }),
});
const transitions = {
  status: 200,
  body: JSON.stringify({
    transitions: [
      { id: "11", name: "Reopen" },
      { id: "31", name: "Done" },
    ],
  }),
};
const issues = (url: string) => ({
  api_url: `${url}/rest/api/2`,
  project: "OPS",
  issue_type: "Bug",
  labels: ["{{ .CommonLabels.service }}"],
  priority: "High",
  reopen_transition: "Reopen",
  resolve_transition: "Done",
  reopen_duration: "1h",
  fields: { customfield_1: { value: "{{ .CommonLabels.severity }}" } },
});

test("jira: a group that is new gets an issue, which carries the group's label", async () => {
  const { url, seen } = await target([
    { status: 200, body: '{"issues":[]}' },
    { status: 201, body: "{}" },
  ]);
  await notifier("jira", issues(url)).notify(notification, never);
  expect(seen.map(({ method, path }) => `${method} ${path}`)).toEqual([
    "POST /rest/api/2/search",
    "POST /rest/api/2/issue",
  ]);
  const { fields } = bodyOf(seen[1]);
  const [service, group] = fields.labels;
  expect(service).toBe("checkout");
  expect(bodyOf(seen[0]).jql).toBe(
    `(resolutiondate is EMPTY OR resolutiondate >= -60m) AND project = "OPS" AND labels = "${group}" ORDER BY status ASC, resolutiondate DESC`,
  );
  expect(fields).toMatchObject({
    project: { key: "OPS" },
    issuetype: { name: "Bug" },
    summary: "PAGE checkout-availability",
    priority: { name: "High" },
    customfield_1: { value: "page" },
  });
});

test.each([
  {
    name: "one that was done is opened again when it fires anew",
    category: "done",
    what: notification,
    id: "11",
  },
  { name: "one that is open is resolved at the end", category: "new", what: resolved, id: "31" },
])("jira: $name", async ({ category, what, id }) => {
  const done = { status: 204 };
  const { url, seen: calls } = await target([
    found(category),
    ...(what.status === "firing" ? [transitions, done, done] : [done, transitions, done]),
  ]);
  await notifier("jira", issues(url)).notify(what, never);
  const moved = calls.find(({ method, path }) => method === "POST" && path.endsWith("/transitions"));
  expect(moved?.path).toBe("/rest/api/2/issue/OPS-7/transitions");
  expect(bodyOf(moved)).toEqual({ transition: { id } });
  expect(calls.filter(({ method }) => method === "PUT")).toHaveLength(1);
});

test("jira: a transition that does not exist is named with those that do", async () => {
  const { url } = await target([
    found("done"),
    { status: 200, body: '{"transitions":[{"id":"1","name":"Open"}]}' },
  ]);
  await expect(notifier("jira", issues(url)).notify(notification, never)).rejects.toThrow(
    'has no transition "Reopen". It has: Open.',
  );
});

test("jira: nothing is made for an end that nobody has an issue of, and version 3 gets a document", async () => {
  const quiet = await target([{ status: 200, body: '{"issues":[]}' }]);
  await notifier("jira", issues(quiet.url)).notify(resolved, never);
  expect(quiet.seen).toHaveLength(1);
  const third = await target([{ status: 200, body: '{"issues":[]}' }]);
  await notifier("jira", { ...issues(third.url), api_url: `${third.url}/rest/api/3` }).notify(
    notification,
    never,
  );
  expect(bodyOf(third.seen[1]).fields.description).toMatchObject({ type: "doc", version: 1 });
});
