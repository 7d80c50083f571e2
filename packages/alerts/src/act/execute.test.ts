import { ManualClock } from "@tocsin/model/testing";
import { expect, test } from "vitest";
import { bindAction, firing } from "../../test/action-contract.js";
import { decidedRecord, historyOf } from "../../test/action-fixtures.js";
import { KubernetesObjects } from "../../test/kubernetes-server.js";
import { startTestTarget } from "../../test/test-target.js";
import { execute } from "./execute.js";
import { kubernetesScale } from "./kubernetes-scale.js";
import type { ActionRecord } from "./run.js";

const path = "/apis/apps/v1/namespaces/shop/deployments/checkout/scale";

/** Runs a scale to six against a cluster in which something happens to the first write. */
async function scaleToSix(
  firstWrite: (objects: KubernetesObjects, apply: () => void) => number,
  isResumed = false,
) {
  const objects = new KubernetesObjects({ [path]: { spec: { replicas: 3 } } });
  let writes = 0;
  await using target = await startTestTarget((request) => {
    if (request.method !== "PATCH" || ++writes > 1) return objects.answer(request);
    const status = firstWrite(objects, () => void objects.answer(request));
    return status === 0 ? objects.answer(request) : { status, body: {} };
  });
  const settings = { namespace: "shop", name: "checkout", to: 6, max_replicas: 8 };
  const bound = bindAction(kubernetesScale, { ...settings, api_server: target.url, token: "t" });
  objects.put(path, objects.get(path));
  const real = objects.answer;
  Object.assign(objects, {
    answer: (request: Parameters<typeof real>[0]) =>
      real({ ...request, headers: { ...request.headers, authorization: "Bearer s3cret" } }),
  });
  const plan = await bound.plan(firing, AbortSignal.timeout(5_000));
  const started = {
    kind: "action.started",
    atMs: 0,
    id: "run",
    phase: "act",
    attempt: 1,
    before: null,
  } as const;
  const run = historyOf([decidedRecord({ plan }), started]).runs.get("run")!;
  const records: ActionRecord[] = [];
  const clock = new ManualClock();
  let isOver = false;
  const done = execute({
    run,
    phase: "act",
    isResumed,
    bound,
    timeoutMs: 5_000,
    closing: new AbortController().signal,
    clock,
    random: () => 0,
    record: async (record) => void records.push(record),
    whyNotNow: () => undefined,
  }).finally(() => {
    isOver = true;
  });
  // Waits between attempts end as soon as they begin; the answers themselves take real time.
  while (!isOver) {
    await clock.advance(1_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await done;
  return { replicas: (objects.get(path).spec as { replicas: number }).replicas, records, writes };
}

function setReplicas(objects: KubernetesObjects, replicas: number): void {
  objects.put(path, { ...objects.get(path), spec: { replicas } });
}

test("a target that only moved (a status update) is read again and the deed is done", async () => {
  const { replicas, records, writes } = await scaleToSix((objects) => {
    objects.put(path, objects.get(path));
    return 0;
  });
  expect({ replicas, writes }).toEqual({ replicas: 6, writes: 2 });
  expect(records.map((record) => ("outcome" in record ? record.outcome : record.kind))).toEqual([
    "action.started",
    "ok",
  ]);
});

test("a target that someone else scaled meanwhile is left alone", async () => {
  const { replicas, records } = await scaleToSix((objects) => {
    setReplicas(objects, 4);
    return 0;
  });
  expect(replicas).toBe(4);
  expect(records).toMatchObject([
    { outcome: "failed", message: "Not tried again: the target changed and the plan no longer fits it." },
  ]);
});

test("done although the answer was lost: is found to be done, and not done twice", async () => {
  const { replicas, records, writes } = await scaleToSix((_objects, apply) => {
    apply();
    return 500;
  });
  expect({ replicas, writes }).toEqual({ replicas: 6, writes: 2 });
  expect(records.at(-1)).toMatchObject({
    outcome: "ok",
    message: "An earlier attempt had done it although it got no answer.",
  });
});

test("taken up after a restart and found changed by others: nobody claims to know what it did", async () => {
  const { records } = await scaleToSix((objects) => {
    setReplicas(objects, 5);
    return 0;
  }, true);
  expect(records).toMatchObject([{ outcome: "unknown" }]);
});
