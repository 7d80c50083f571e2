import { secret } from "@tocsin/model/config";
import { z } from "zod";
import { type ActionPlan, defineAction } from "./action.js";
import { callHttp, excerpt, shownUrl } from "./http-call.js";
import type { ActionTrigger } from "./trigger.js";

const Method = z.enum(["POST", "PUT", "PATCH", "DELETE"]);

const HttpUrl = z.url({ protocol: /^https?$/, error: "Write an http:// or https:// address." });

const Body = z
  .json()
  .describe("What is sent as JSON. Default: the alert, the action's name and the idempotency key.");

export const WebhookActionConfig = z.strictObject({
  url: HttpUrl.describe("What is called."),
  method: Method.default("POST").describe("How it is called."),
  body: Body.optional(),
  headers: z
    .record(z.string(), secret())
    .default({})
    .describe("Sent with every call; the values are not shown."),
  bearer_token: secret().optional().describe("Sent as Authorization: Bearer."),
  state_url: HttpUrl.optional().describe(
    "Read with GET beforehand; its answer is shown in the plan as it was.",
  ),
  repeatable: z
    .boolean()
    .default(false)
    .describe(
      "The receiver does calls with the same Idempotency-Key header once. Only then is a call repeated whose outcome is not known.",
    ),
  revert: z
    .strictObject({ url: HttpUrl, method: Method.default("POST"), body: Body.optional() })
    .optional()
    .describe("What undoes it."),
});

/** What the call may know of its cause; the same body whatever the alert. */
interface WebhookTarget {
  readonly state: string | null;
}

/** Calls an address of yours. */
export const webhook = defineAction({
  type: "webhook",
  summary: "Calls an HTTP address of yours, with an Idempotency-Key.",
  config: WebhookActionConfig,
  isRepeatable: (config) => config.repeatable,

  plan(config, target: WebhookTarget, trigger): ActionPlan {
    const shown = shownUrl(config.url);
    const body = config.body ?? defaultBody(trigger);
    return {
      summary: `${config.method} ${shown} ${config.body === undefined ? "with the alert" : JSON.stringify(config.body)}`,
      changes: [
        { what: `${config.method} ${shown}`, before: target.state, after: "as the receiver makes it" },
      ],
      request: { method: config.method, url: shown, body },
      refusal: null,
      isNeeded: true,
      details: {},
    };
  },

  create(config, { fetch }) {
    const headers = Object.fromEntries(
      Object.entries(config.headers).map(([name, value]) => [name, value.reveal()]),
    );
    if (config.bearer_token) headers.authorization = `Bearer ${config.bearer_token.reveal()}`;
    return {
      async read(_trigger, signal) {
        if (config.state_url === undefined) return { state: null };
        const { text } = await callHttp(fetch, { method: "GET", url: config.state_url, headers, signal });
        return { state: excerpt(text) };
      },
      async act(plan, { idempotencyKey, signal }) {
        const { status, text } = await callHttp(fetch, {
          method: config.method,
          url: config.url,
          headers: { ...headers, "idempotency-key": idempotencyKey },
          body: plan.request.body,
          signal,
        });
        return { message: answered(status, text) };
      },
      ...(config.revert && {
        revert: async (plan: ActionPlan, { idempotencyKey, signal }) => {
          const { url, method, body } = config.revert ?? config;
          const { status, text } = await callHttp(fetch, {
            method,
            url,
            headers: { ...headers, "idempotency-key": idempotencyKey },
            body: body ?? plan.request.body,
            signal,
          });
          return { message: answered(status, text) };
        },
      }),
    };
  },
});

function defaultBody({ alertName, labels, annotations, startsAtMs, value, slo }: ActionTrigger) {
  const startsAt = new Date(startsAtMs).toISOString();
  return { alert: { name: alertName, labels, annotations, startsAt, value, slo } };
}

function answered(status: number, text: string): string {
  return text === "" ? `HTTP ${status}` : `HTTP ${status} ${excerpt(text)}`;
}
