import { z } from "zod";
import { type ActionPlan, defineAction } from "./action.js";
import { KubernetesObject, kubernetesAccess, kubernetesApi, kubernetesName } from "./kubernetes.js";
import { setField, unsetField } from "./kubernetes-field.js";

const Rollout = KubernetesObject.extend({
  spec: z.looseObject({ paused: z.boolean().default(false) }).default({ paused: false }),
  status: z
    .looseObject({
      abort: z.boolean().default(false),
      phase: z.string().default("Unknown"),
      stableRS: z.string().optional(),
      currentPodHash: z.string().optional(),
    })
    .default({ abort: false, phase: "Unknown" }),
});
type Rollout = z.infer<typeof Rollout>;

export const ArgoRolloutsConfig = z.strictObject({
  ...kubernetesAccess,
  namespace: kubernetesName(),
  rollout: kubernetesName(),
  do: z
    .enum(["abort", "pause"])
    .default("abort")
    .describe("abort sends all traffic back to the stable version; pause keeps it where it is."),
});

/** Aborts or pauses a progressive delivery of Argo Rollouts. */
export const argoRollouts = defineAction({
  type: "argo_rollouts",
  summary: "Aborts (or pauses) a rollout of Argo Rollouts.",
  config: ArgoRolloutsConfig,
  isRepeatable: () => true,

  plan(config, { spec, status, metadata }: Rollout): ActionPlan {
    const name = `${config.namespace}/${config.rollout}`;
    const before = config.do === "abort" ? status.abort : spec.paused;
    const isDone = status.stableRS !== undefined && status.stableRS === status.currentPodHash;
    return {
      summary: `${config.do} rollout ${name} (${status.phase})`,
      changes: [{ what: `${name} ${fieldOf(config.do)}`, before: String(before), after: "true" }],
      request: {
        method: "PATCH",
        url: kubernetesApi(config, globalThis.fetch).url(pathOf(config)),
        body: patchOf(config.do, true),
      },
      refusal: isDone ? "no rollout is under way: the newest version is the stable one already" : null,
      isNeeded: !before,
      details: { resourceVersion: metadata.resourceVersion, before, after: true },
    };
  },

  create(config, { fetch }) {
    const api = kubernetesApi(config, fetch);
    const readPath = pathOf({ ...config, do: "pause" });
    const field = {
      api,
      path: pathOf(config),
      schema: Rollout,
      read: ({ spec, status }: Rollout) => (config.do === "abort" ? status.abort : spec.paused),
      write: (value: unknown) => patchOf(config.do, value),
      name: fieldOf(config.do),
    };
    return {
      read: (_trigger, signal) => api.get(readPath, Rollout, signal),
      act: (plan, call) => setField(field, plan, call),
      revert: (plan, call) => unsetField(field, plan, call),
    };
  },
});

function patchOf(what: "abort" | "pause", value: unknown): Record<string, Record<string, boolean>> {
  const isOn = value === true;
  return what === "abort" ? { status: { abort: isOn } } : { spec: { paused: isOn } };
}

function fieldOf(what: "abort" | "pause"): string {
  return what === "abort" ? "status.abort" : "spec.paused";
}

/** Aborting is a matter of the status, which is a resource of its own. */
function pathOf({
  namespace,
  rollout,
  do: what,
}: {
  namespace: string;
  rollout: string;
  do: string;
}): string {
  const path = `/apis/argoproj.io/v1alpha1/namespaces/${namespace}/rollouts/${rollout}`;
  return what === "abort" ? `${path}/status` : path;
}
