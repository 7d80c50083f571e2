import { expect, test } from "vitest";
import { actionContract, bindAction, firing } from "../../test/action-contract.js";
import { KubernetesObjects } from "../../test/kubernetes-server.js";
import { startTestTarget } from "../../test/test-target.js";
import type { ActionDefinition } from "./action.js";
import { argoRollouts } from "./argo-rollouts.js";
import { fluxSuspend } from "./flux-suspend.js";
import { hpaMinReplicas } from "./hpa-min-replicas.js";
import { kubernetesRollback } from "./kubernetes-rollback.js";
import { kubernetesScale } from "./kubernetes-scale.js";

const apps = "/apis/apps/v1/namespaces/shop";
const template = (image: string) => ({
  metadata: { labels: { app: "checkout" } },
  spec: { containers: [{ name: "main", image, env: [{ name: "KEY", value: "s3cret" }] }] },
});
const replicaSet = (revision: number, image: string, uid = "d-1") => ({
  metadata: {
    name: `checkout-${revision}`,
    uid: `rs-${revision}`,
    annotations: { "deployment.kubernetes.io/revision": String(revision) },
    ownerReferences: [{ uid }],
  },
  spec: {
    template: {
      ...template(image),
      metadata: { labels: { app: "checkout", "pod-template-hash": `h${revision}` } },
    },
  },
});

const paths = {
  scale: `${apps}/deployments/checkout/scale`,
  deployment: `${apps}/deployments/checkout`,
  hpa: "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers/checkout",
  rollout: "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/checkout",
  flux: "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/shop/kustomizations/checkout",
};

function cluster(): KubernetesObjects {
  return new KubernetesObjects({
    [paths.scale]: { spec: { replicas: 3 } },
    [paths.deployment]: {
      metadata: { name: "checkout", uid: "d-1", annotations: { "deployment.kubernetes.io/revision": "7" } },
      spec: { selector: { matchLabels: { app: "checkout" } }, template: template("shop/checkout:1.42.0") },
    },
    [`${apps}/replicasets/checkout-7`]: replicaSet(7, "shop/checkout:1.42.0"),
    [`${apps}/replicasets/checkout-6`]: replicaSet(6, "shop/checkout:1.41.3"),
    [`${apps}/replicasets/checkout-5`]: replicaSet(5, "shop/checkout:1.40.0"),
    [`${apps}/replicasets/other-6`]: replicaSet(6, "shop/other:9", "d-2"),
    [paths.hpa]: { spec: { minReplicas: 2, maxReplicas: 10 } },
    [paths.rollout]: { spec: {}, status: { phase: "Progressing", stableRS: "a", currentPodHash: "b" } },
    [paths.flux]: { spec: {} },
  });
}

interface Case {
  readonly definition: ActionDefinition;
  readonly settings: object;
  readonly summary: string;
  readonly path: string;
  readonly done: object;
  readonly undone: object;
}

const cases: readonly Case[] = [
  {
    definition: kubernetesScale,
    settings: { namespace: "shop", name: "checkout", factor: 1.5, max_replicas: 6 },
    summary: "scale deployment shop/checkout from 3 to 5 replicas",
    path: paths.scale,
    done: { spec: { replicas: 5 } },
    undone: { spec: { replicas: 3 } },
  },
  {
    definition: kubernetesRollback,
    settings: { namespace: "shop", deployment: "checkout" },
    summary: "roll deployment shop/checkout back from revision 7 to 6",
    path: paths.deployment,
    done: { spec: { template: template("shop/checkout:1.41.3") } },
    undone: { spec: { template: template("shop/checkout:1.42.0") } },
  },
  {
    definition: hpaMinReplicas,
    settings: { namespace: "shop", hpa: "checkout", add: 4, max_replicas: 20 },
    summary: "set minReplicas of autoscaler shop/checkout from 2 to 6",
    path: paths.hpa,
    done: { spec: { minReplicas: 6, maxReplicas: 10 } },
    undone: { spec: { minReplicas: 2 } },
  },
  {
    definition: argoRollouts,
    settings: { namespace: "shop", rollout: "checkout" },
    summary: "abort rollout shop/checkout (Progressing)",
    path: paths.rollout,
    done: { status: { abort: true, phase: "Progressing" } },
    undone: { status: { abort: false } },
  },
  {
    definition: fluxSuspend,
    settings: { namespace: "shop", name: "checkout" },
    summary: "suspend kustomization shop/checkout",
    path: paths.flux,
    done: { spec: { suspend: true } },
    undone: { spec: { suspend: false } },
  },
];

const call = () => ({ idempotencyKey: "tocsin-act-1", signal: AbortSignal.timeout(5_000) });

for (const { definition, settings, summary, path, done, undone } of cases) {
  const reach = (url: string) => ({ ...settings, api_server: url, token: "s3cret" });
  actionContract({
    definition,
    settings: reach,
    api: (request) => cluster().answer(request),
    isWrite: ({ method }) => method === "PATCH",
  });

  test(`${definition.type} does what its plan says, and undoes it`, async () => {
    const objects = cluster();
    await using target = await startTestTarget(objects.answer);
    const bound = bindAction(definition, reach(target.url));
    const plan = await bound.plan(firing, AbortSignal.timeout(5_000));
    expect(plan.summary).toBe(summary);
    await bound.act(plan, call());
    expect(objects.get(path)).toMatchObject(done);
    await bound.revert(plan, call());
    expect(objects.get(path)).toMatchObject(undone);
  });

  test(`${definition.type} leaves alone what someone else changed since it was read`, async () => {
    const objects = cluster();
    await using target = await startTestTarget(objects.answer);
    const bound = bindAction(definition, reach(target.url));
    const plan = await bound.plan(firing, AbortSignal.timeout(5_000));
    objects.put(path, objects.get(path));
    const before = structuredClone(objects.get(path));
    await expect(bound.act(plan, call())).rejects.toMatchObject({
      code: "ACTION_TARGET_CHANGED",
      effect: "none",
    });
    expect(objects.get(path)).toEqual(before);
  });

  test(`${definition.type} done twice with one plan is done once`, async () => {
    const objects = cluster();
    await using target = await startTestTarget(objects.answer);
    const bound = bindAction(definition, reach(target.url));
    const plan = await bound.plan(firing, AbortSignal.timeout(5_000));
    await bound.act(plan, call());
    const after = structuredClone(objects.get(path));
    await expect(bound.act(plan, call())).rejects.toMatchObject({ code: "ACTION_TARGET_CHANGED" });
    expect(objects.get(path)).toEqual(after);
  });
}

test.each([
  {
    name: "the cap holds",
    definition: kubernetesScale,
    settings: { name: "checkout", factor: 10, max_replicas: 6 },
    want: { summary: "scale deployment shop/checkout from 3 to 6 replicas", refusal: null },
  },
  {
    name: "at the cap nothing more is done",
    definition: kubernetesScale,
    settings: { name: "checkout", add: 1, max_replicas: 3 },
    want: { refusal: "there are 3 already, and 3 is the limit" },
  },
  {
    name: "the autoscaler's own maximum is a cap too",
    definition: hpaMinReplicas,
    settings: { hpa: "checkout", to: 50, max_replicas: 100 },
    want: { summary: "set minReplicas of autoscaler shop/checkout from 2 to 10" },
  },
  {
    name: "already there: nothing to do",
    definition: kubernetesScale,
    settings: { name: "checkout", to: 3, max_replicas: 6 },
    want: { isNeeded: false },
  },
])("plan: $name", async ({ definition, settings, want }) => {
  await using target = await startTestTarget(cluster().answer);
  const reach = { namespace: "shop", api_server: target.url, token: "s3cret", ...settings };
  expect(await bindAction(definition, reach).plan(firing, AbortSignal.timeout(5_000))).toMatchObject(want);
});

test.each([
  {
    name: "a paused deployment",
    change: { paused: true },
    want: "the deployment is paused; resume it first",
  },
  { name: "no revision before", change: {}, drop: true, want: "there is no revision before this one" },
])("kubernetes_rollback refuses: $name", async ({ change, drop, want }) => {
  const objects = cluster();
  const deployment = objects.get(paths.deployment);
  objects.put(paths.deployment, { ...deployment, spec: { ...(deployment.spec as object), ...change } });
  if (drop) for (const revision of [5, 6]) objects.objects.delete(`${apps}/replicasets/checkout-${revision}`);
  await using target = await startTestTarget(objects.answer);
  const reach = { namespace: "shop", deployment: "checkout", api_server: target.url, token: "s3cret" };
  const plan = await bindAction(kubernetesRollback, reach).plan(firing, AbortSignal.timeout(5_000));
  expect(plan.refusal).toBe(want);
});

test("argo_rollouts has nothing to abort once the new version is the stable one", async () => {
  const objects = cluster();
  objects.put(paths.rollout, { status: { phase: "Healthy", stableRS: "b", currentPodHash: "b" } });
  await using target = await startTestTarget(objects.answer);
  const reach = { namespace: "shop", rollout: "checkout", api_server: target.url, token: "s3cret" };
  const plan = await bindAction(argoRollouts, reach).plan(firing, AbortSignal.timeout(5_000));
  expect(plan.refusal).toContain("no rollout is under way");
});

test("outside a pod, says which file is missing and what to give instead", async () => {
  const reach = {
    namespace: "shop",
    name: "checkout",
    api_server: "http://127.0.0.1:1",
    token_file: "/nothing/token",
  };
  await expect(bindAction(fluxSuspend, reach).plan(firing, AbortSignal.timeout(5_000))).rejects.toThrow(
    "Cannot read token_file /nothing/token",
  );
});

test.each(["../../secrets", "a/b", "A", "-a", ""])("a name such as %j cannot get into a path", (name) => {
  expect(fluxSuspend.config.safeParse({ namespace: "shop", name }).success).toBe(false);
});
