import { secret } from "@tocsin/model/config";
import { z } from "zod";
import { type ActionCall, type ActionPlan, defineAction } from "./action.js";
import { ActionError } from "./errors.js";
import { callHttp, callJson } from "./http-call.js";

const key = (what: string) =>
  z
    .string()
    .regex(/^[\w.-]+$/, "Keys are letters, digits, dots, dashes and underscores.")
    .describe(what);

const common = {
  token: secret().describe("An API token that may read and switch the flag."),
  project: key("Project of the flag."),
  flag: key("Key of the flag."),
  environment: key("Environment in which it is switched."),
  to: z.enum(["off", "on"]).default("off"),
};

export const FeatureFlagConfig = z.discriminatedUnion("provider", [
  z.strictObject({
    provider: z.literal("launchdarkly"),
    url: z.url({ protocol: /^https?$/ }).default("https://app.launchdarkly.com"),
    ...common,
  }),
  z.strictObject({
    provider: z.literal("unleash"),
    url: z.url({ protocol: /^https?$/ }).describe("Unleash's address, without /api."),
    ...common,
  }),
]);
type FeatureFlagConfig = z.infer<typeof FeatureFlagConfig>;

const LaunchDarklyFlag = z.looseObject({
  environments: z.record(z.string(), z.looseObject({ on: z.boolean() })),
});
const UnleashFlag = z.looseObject({
  environments: z.array(z.looseObject({ name: z.string(), enabled: z.boolean() })),
});

/** Switches a flag, so that the new code is not taken although it stays deployed. */
export const featureFlag = defineAction({
  type: "feature_flag",
  summary: "Switches a feature flag of LaunchDarkly or Unleash.",
  config: FeatureFlagConfig,
  // Off is off, however often it is said.
  isRepeatable: () => true,

  plan(config, { isOn }: { readonly isOn: boolean }): ActionPlan {
    const name = `${config.flag} in ${config.environment}`;
    return {
      summary: `switch flag ${name} ${config.to}`,
      changes: [{ what: `flag ${name}`, before: isOn ? "on" : "off", after: config.to }],
      request: requestOf(config, config.to),
      refusal: null,
      isNeeded: isOn !== (config.to === "on"),
      details: { before: isOn ? "on" : "off" },
    };
  },

  create(config, { fetch }) {
    const authorization = config.token.reveal();
    async function switchTo(to: "on" | "off", { signal, idempotencyKey }: ActionCall) {
      const { method, url, body } = requestOf(config, to);
      const type =
        config.provider === "launchdarkly"
          ? "application/json; domain-model=launchdarkly.semanticpatch"
          : "application/json";
      const comment = { comment: `Tocsin ${idempotencyKey}` };
      const sent = config.provider === "launchdarkly" ? { ...comment, ...body } : (body ?? {});
      await callHttp(fetch, {
        method,
        url,
        headers: { authorization, "content-type": type },
        body: sent,
        signal,
      });
      return { message: `${config.flag} is ${to} in ${config.environment}` };
    }
    return {
      async read(_trigger, signal) {
        const answer = await callJson(fetch, {
          method: "GET",
          url: flagUrl(config),
          headers: { authorization },
          signal,
        });
        return { isOn: stateOf(config, answer) };
      },
      act: (_plan, call) => switchTo(config.to, call),
      revert: ({ details }, call) => switchTo(details.before === "on" ? "on" : "off", call),
    };
  },
});

function flagUrl({ provider, url, project, flag }: FeatureFlagConfig): string {
  const base = url.replace(/\/$/, "");
  return provider === "launchdarkly"
    ? `${base}/api/v2/flags/${project}/${flag}`
    : `${base}/api/admin/projects/${project}/features/${flag}`;
}

function requestOf(config: FeatureFlagConfig, to: "on" | "off") {
  const { provider, environment } = config;
  if (provider === "unleash")
    return { method: "POST", url: `${flagUrl(config)}/environments/${environment}/${to}` };
  const kind = to === "on" ? "turnFlagOn" : "turnFlagOff";
  return {
    method: "PATCH",
    url: flagUrl(config),
    body: { environmentKey: environment, instructions: [{ kind }] },
  };
}

function stateOf({ provider, environment, flag }: FeatureFlagConfig, answer: unknown): boolean {
  const isOn =
    provider === "launchdarkly"
      ? LaunchDarklyFlag.safeParse(answer).data?.environments[environment]?.on
      : UnleashFlag.safeParse(answer).data?.environments.find(({ name }) => name === environment)?.enabled;
  if (isOn !== undefined) return isOn;
  throw new ActionError(
    "ACTION_ANSWER_INVALID",
    `The flag ${flag} has no environment "${environment}". Check its name.`,
  );
}
