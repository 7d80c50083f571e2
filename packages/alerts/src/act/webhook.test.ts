import { expect, test } from "vitest";
import { actionContract, bindAction, firing } from "../../test/action-contract.js";
import { startTestTarget } from "../../test/test-target.js";
import { webhook } from "./webhook.js";

actionContract({
  definition: webhook,
  settings: (url) => ({
    url: `${url}/rollback?token=s3cret`,
    bearer_token: "s3cret",
    headers: { "x-team": "s3cret" },
    state_url: `${url}/state`,
  }),
  api: ({ path }) =>
    path === "/state" ? { status: 200, body: { version: "1.42.0" } } : { status: 202, body: { ok: 1 } },
  isWrite: ({ method }) => method === "POST",
});

test("sends the idempotency key, the token and the configured body", async () => {
  await using target = await startTestTarget();
  const bound = bindAction(webhook, {
    url: `${target.url}/rollback`,
    method: "PUT",
    body: { service: "checkout" },
    bearer_token: "s3cret",
  });
  const plan = await bound.plan(firing, AbortSignal.timeout(5_000));
  await bound.act(plan, { idempotencyKey: "key-1", signal: AbortSignal.timeout(5_000) });
  expect(target.requests).toHaveLength(1);
  expect(target.requests[0]).toMatchObject({
    method: "PUT",
    path: "/rollback",
    headers: {
      "idempotency-key": "key-1",
      authorization: "Bearer s3cret",
      "content-type": "application/json",
    },
    body: { service: "checkout" },
  });
  expect(plan.summary).toBe(`PUT ${target.url}/rollback {"service":"checkout"}`);
});

test("without a body, tells the receiver about the alert", async () => {
  await using target = await startTestTarget();
  const bound = bindAction(webhook, { url: target.url });
  const plan = await bound.plan(firing, AbortSignal.timeout(5_000));
  await bound.act(plan, { idempotencyKey: "key-1", signal: AbortSignal.timeout(5_000) });
  expect(target.requests[0]?.body).toEqual({
    alert: {
      name: "CheckoutBurn",
      labels: firing.labels,
      annotations: {},
      startsAt: "1970-01-01T00:00:01.000Z",
      value: 92,
      slo: "checkout-availability",
    },
  });
});

test("shows what the target says of itself as the state before", async () => {
  await using target = await startTestTarget(() => ({ status: 200, body: { version: "1.42.0" } }));
  const bound = bindAction(webhook, { url: target.url, state_url: `${target.url}/state` });
  const plan = await bound.plan(firing, AbortSignal.timeout(5_000));
  expect(plan.changes[0]?.before).toBe('{"version":"1.42.0"}');
});

test("reverts only where a revert is configured, with a key of its own", async () => {
  await using target = await startTestTarget();
  expect(bindAction(webhook, { url: target.url }).canRevert).toBe(false);
  const bound = bindAction(webhook, {
    url: target.url,
    revert: { url: `${target.url}/undo`, body: { back: true } },
  });
  const plan = await bound.plan(firing, AbortSignal.timeout(5_000));
  await bound.revert(plan, { idempotencyKey: "key-1-revert", signal: AbortSignal.timeout(5_000) });
  expect(target.requests[0]).toMatchObject({
    path: "/undo",
    body: { back: true },
    headers: { "idempotency-key": "key-1-revert" },
  });
});
