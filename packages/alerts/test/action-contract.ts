import { silentLogger, systemClock } from "@tocsin/model";
import { describe, expect, test } from "vitest";
import type { ActionDefinition, BoundAction } from "../src/act/action.js";
import type { ActionTrigger } from "../src/act/trigger.js";
import { type SeenRequest, startTestTarget, type TargetAnswer, type TestTarget } from "./test-target.js";

/** An alert as actions see it. */
export const firing: ActionTrigger = {
  alertId: "a1-k0",
  alertName: "CheckoutBurn",
  startsAtMs: 1_000,
  status: "firing",
  hasData: true,
  labels: { alertname: "CheckoutBurn", service: "checkout" },
  annotations: {},
  value: 92,
  slo: "checkout-availability",
};

/** What the contract needs to know of an action. */
export interface ActionContract {
  readonly definition: ActionDefinition;
  /** The config as an operator writes it, with the address of the test's target. */
  readonly settings: (url: string) => unknown;
  /** Answers what is read, and the writes that go well. */
  readonly api: (request: SeenRequest) => TargetAnswer;
  /** Whether a request is the one that changes something. */
  readonly isWrite: (request: SeenRequest) => boolean;
}

/** Applies the operator's config to an action. */
export function bindAction(definition: ActionDefinition, settings: unknown): BoundAction {
  const config = definition.config.parse(settings);
  return definition.bind(config, { fetch: globalThis.fetch, clock: systemClock, logger: silentLogger });
}

/** What every action must do, against a real server. */
export function actionContract({ definition, settings, api, isWrite }: ActionContract): void {
  describe(`contract of ${definition.type}`, () => {
    async function attempt(
      answer: TargetAnswer,
      signal: AbortSignal = AbortSignal.timeout(10_000),
      beforeAct?: (target: TestTarget) => void,
    ) {
      await using target = await startTestTarget((request) => (isWrite(request) ? answer : api(request)));
      const bound = bindAction(definition, settings(target.url));
      const plan = await bound.plan(firing, AbortSignal.timeout(10_000));
      beforeAct?.(target);
      const result = await bound.act(plan, { idempotencyKey: "tocsin-act-1", signal }).then(
        (value) => ({ value, error: undefined }),
        (error: unknown) => ({ value: undefined, error }),
      );
      return { ...result, writes: target.requests.filter(isWrite), plan };
    }

    test("planning changes nothing and says what would change", async () => {
      await using target = await startTestTarget(api);
      const plan = await bindAction(definition, settings(target.url)).plan(
        firing,
        AbortSignal.timeout(10_000),
      );
      expect(target.requests.filter(isWrite)).toEqual([]);
      expect(plan).toMatchObject({ isNeeded: true, refusal: null });
      expect(plan.summary).not.toBe("");
      expect(plan.changes.length).toBeGreaterThan(0);
    });

    test("2xx: does it once and says what came back", async () => {
      await using target = await startTestTarget(api);
      const bound = bindAction(definition, settings(target.url));
      const plan = await bound.plan(firing, AbortSignal.timeout(10_000));
      const { message } = await bound.act(plan, {
        idempotencyKey: "tocsin-act-1",
        signal: AbortSignal.timeout(10_000),
      });
      expect(message).not.toBe("");
      expect(target.requests.filter(isWrite).length).toBeGreaterThanOrEqual(1);
    });

    test.each([
      { status: 400, want: { code: "ACTION_REJECTED", retryable: false, effect: "none" } },
      { status: 403, want: { code: "ACTION_REJECTED", retryable: false, effect: "none" } },
      { status: 409, want: { code: "ACTION_TARGET_CHANGED", retryable: true, effect: "none" } },
      { status: 500, want: { code: "ACTION_TARGET_FAILED", retryable: true, effect: "unknown" } },
      { status: 302, want: { code: "ACTION_REJECTED", retryable: false, effect: "none" } },
    ])("$status: $want.code, effect $want.effect", async ({ status, want }) => {
      const { error } = await attempt({ status, body: { message: "no" } });
      expect(error).toMatchObject(want);
    });

    test("429 with Retry-After: nothing was done, and how long to wait", async () => {
      const { error } = await attempt({ status: 429, headers: { "retry-after": "7" } });
      expect(error).toMatchObject({
        code: "ACTION_THROTTLED",
        retryable: true,
        effect: "none",
        retryAfterMs: 7_000,
      });
    });

    test.each<{ headers: Record<string, string>; effect: string; retryAfterMs: number | undefined }>([
      { headers: { "retry-after": "7" }, effect: "none", retryAfterMs: 7_000 },
      { headers: {}, effect: "unknown", retryAfterMs: undefined },
    ])("503 with $headers: effect $effect", async ({ headers, ...want }) => {
      const { error } = await attempt({ status: 503, headers });
      expect(error).toMatchObject({ code: "ACTION_THROTTLED", retryable: true, ...want });
    });

    test("timeout: whether it was done is not known", async () => {
      const { error } = await attempt({}, AbortSignal.timeout(300));
      expect(error).toMatchObject({ code: "ACTION_TIMEOUT", effect: "unknown" });
    });

    test("abort: given up at once", async () => {
      const controller = new AbortController();
      const { error } = await attempt({}, controller.signal, () => controller.abort(new Error("closing")));
      expect(error).toMatchObject({ code: "ACTION_ABORTED" });
    });

    test("no server: nothing was done, worth another try", async () => {
      await using target = await startTestTarget(api);
      const bound = bindAction(definition, settings(target.url));
      const plan = await bound.plan(firing, AbortSignal.timeout(10_000));
      await target[Symbol.asyncDispose]();
      const call = { idempotencyKey: "tocsin-act-1", signal: AbortSignal.timeout(10_000) };
      await expect(bound.act(plan, call)).rejects.toMatchObject({
        code: "ACTION_UNREACHABLE",
        retryable: true,
        effect: "none",
      });
    });

    test("the plan shows no secret of the config", async () => {
      await using target = await startTestTarget(api);
      const plan = await bindAction(definition, settings(target.url)).plan(
        firing,
        AbortSignal.timeout(10_000),
      );
      expect(JSON.stringify(plan)).not.toContain("s3cret");
    });
  });
}
