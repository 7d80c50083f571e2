import { secret } from "@tocsin/model/config";
import { z } from "zod";
import { signAws } from "../aws/signature.js";
import { type ActionPlan, defineAction } from "./action.js";
import { ActionError } from "./errors.js";
import { callHttp, excerpt } from "./http-call.js";
import { countChange, hasOneChange, ONE_CHANGE, targetCount } from "./target-count.js";

export const AwsAutoscalingConfig = z
  .strictObject({
    region: z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, "Write a region such as eu-central-1."),
    group: z.string().min(1).max(255).describe("Name of the auto scaling group."),
    ...countChange,
    max_capacity: z
      .number()
      .int()
      .positive()
      .max(1_000)
      .describe("Never more instances than these, nor than the group's own maximum."),
    access_key_id: secret(),
    secret_access_key: secret(),
    session_token: secret().optional(),
    endpoint: z
      .url({ protocol: /^https?$/ })
      .optional()
      .describe("Default: https://autoscaling.<region>.amazonaws.com."),
  })
  .refine(hasOneChange, ONE_CHANGE);
type AwsAutoscalingConfig = z.output<typeof AwsAutoscalingConfig>;

interface Group {
  readonly desired: number;
  readonly max: number;
}

/** Sets the desired capacity of an auto scaling group. */
export const awsAutoscaling = defineAction({
  type: "aws_autoscaling",
  summary: "Sets the desired capacity of an AWS auto scaling group, never above max_capacity.",
  config: AwsAutoscalingConfig,
  // The number is set, not added to.
  isRepeatable: () => true,

  plan(config, { desired, max }: Group): ActionPlan {
    const { target, refusal } = targetCount(desired, config, Math.min(max, config.max_capacity));
    return {
      summary: `set desired capacity of ${config.group} from ${desired} to ${target}`,
      changes: [{ what: `${config.group} desired capacity`, before: String(desired), after: String(target) }],
      request: {
        method: "POST",
        url: endpointOf(config),
        body: { Action: "SetDesiredCapacity", AutoScalingGroupName: config.group, DesiredCapacity: target },
      },
      refusal,
      isNeeded: target !== desired,
      details: { before: desired, after: target },
    };
  },

  create(config, { fetch, clock }) {
    const credentials = {
      accessKeyId: config.access_key_id.reveal(),
      secretAccessKey: config.secret_access_key.reveal(),
      sessionToken: config.session_token?.reveal(),
    };
    async function ask(parameters: Record<string, string>, signal: AbortSignal): Promise<string> {
      const url = `${endpointOf(config).replace(/\/$/, "")}/`;
      const body = new URLSearchParams({ ...parameters, Version: "2011-01-01" }).toString();
      const type = "application/x-www-form-urlencoded; charset=utf-8";
      const request = { url, method: "POST", body, headers: { "content-type": type } } as const;
      const headers = signAws(
        request,
        credentials,
        { region: config.region, service: "autoscaling" },
        clock.now(),
      );
      const { text } = await callHttp(fetch, { method: "POST", url, headers, rawBody: body, signal });
      return text;
    }
    async function describe(signal: AbortSignal): Promise<Group> {
      const parameters = {
        Action: "DescribeAutoScalingGroups",
        "AutoScalingGroupNames.member.1": config.group,
      };
      const text = await ask(parameters, signal);
      const desired = numberIn(text, "DesiredCapacity");
      const max = numberIn(text, "MaxSize");
      if (desired !== undefined && max !== undefined) return { desired, max };
      throw new ActionError(
        "ACTION_ANSWER_INVALID",
        `AWS knows no group "${config.group}" in ${config.region}, or says it in another form: ${excerpt(text)}.`,
      );
    }
    async function set(capacity: unknown, signal: AbortSignal) {
      await ask(
        {
          Action: "SetDesiredCapacity",
          AutoScalingGroupName: config.group,
          DesiredCapacity: String(capacity),
          HonorCooldown: "false",
        },
        signal,
      );
      return { message: `desired capacity is ${String(capacity)}` };
    }
    /** AWS has no precondition, so that the check and the change are two calls with a moment between them. */
    async function setIfStill(expected: unknown, capacity: unknown, signal: AbortSignal) {
      const { desired } = await describe(signal);
      if (desired === expected || desired === capacity) return set(capacity, signal);
      throw new ActionError(
        "ACTION_TARGET_CHANGED",
        `The desired capacity of ${config.group} is ${desired} now, no longer ${String(expected)}.`,
        { retryable: true },
      );
    }
    return {
      read: (_trigger, signal) => describe(signal),
      act: ({ details }, { signal }) => setIfStill(details.before, details.after, signal),
      revert: ({ details }, { signal }) => setIfStill(details.after, details.before, signal),
    };
  },
});

function endpointOf({ endpoint, region }: Pick<AwsAutoscalingConfig, "endpoint" | "region">): string {
  return endpoint ?? `https://autoscaling.${region}.amazonaws.com`;
}

/** One number of AWS's XML; the group is named in the request, so that the first one is its. */
function numberIn(xml: string, element: string): number | undefined {
  const text = new RegExp(`<${element}>(\\d+)</${element}>`).exec(xml)?.[1];
  return text === undefined ? undefined : Number(text);
}
