import { z } from "zod";
import { type ActionPlan, defineAction } from "./action.js";
import { KubernetesObject, kubernetesAccess, kubernetesApi, kubernetesName } from "./kubernetes.js";
import { setField, unsetField } from "./kubernetes-field.js";
import { countChange, hasOneChange, ONE_CHANGE, targetCount } from "./target-count.js";

const Autoscaler = KubernetesObject.extend({
  spec: z.looseObject({ minReplicas: z.number().int().default(1), maxReplicas: z.number().int() }),
});

export const HpaMinReplicasConfig = z
  .strictObject({
    ...kubernetesAccess,
    namespace: kubernetesName(),
    hpa: kubernetesName().describe("Name of the HorizontalPodAutoscaler."),
    ...countChange,
    max_replicas: z
      .number()
      .int()
      .positive()
      .max(1_000)
      .describe("The minimum is never raised above this, nor above the autoscaler's own maximum."),
  })
  .refine(hasOneChange, ONE_CHANGE);

/** Raises the floor of an autoscaler: it goes on scaling, from higher up. */
export const hpaMinReplicas = defineAction({
  type: "hpa_min_replicas",
  summary: "Raises minReplicas of a HorizontalPodAutoscaler.",
  config: HpaMinReplicasConfig,
  isRepeatable: () => true,

  plan(config, { spec, metadata }: z.infer<typeof Autoscaler>): ActionPlan {
    const limit = Math.min(config.max_replicas, spec.maxReplicas);
    const { target, refusal } = targetCount(spec.minReplicas, config, limit);
    const name = `${config.namespace}/${config.hpa}`;
    return {
      summary: `set minReplicas of autoscaler ${name} from ${spec.minReplicas} to ${target}`,
      changes: [{ what: `${name} minReplicas`, before: String(spec.minReplicas), after: String(target) }],
      request: {
        method: "PATCH",
        url: kubernetesApi(config, globalThis.fetch).url(pathOf(config)),
        body: { spec: { minReplicas: target } },
      },
      refusal,
      isNeeded: target !== spec.minReplicas,
      details: { resourceVersion: metadata.resourceVersion, before: spec.minReplicas, after: target },
    };
  },

  create(config, { fetch }) {
    const api = kubernetesApi(config, fetch);
    const field = {
      api,
      path: pathOf(config),
      schema: Autoscaler,
      read: ({ spec }: z.infer<typeof Autoscaler>) => spec.minReplicas,
      write: (minReplicas: unknown) => ({ spec: { minReplicas } }),
      name: "minReplicas",
    };
    return {
      read: (_trigger, signal) => api.get(field.path, Autoscaler, signal),
      act: (plan, call) => setField(field, plan, call),
      revert: (plan, call) => unsetField(field, plan, call),
    };
  },
});

function pathOf({ namespace, hpa }: { namespace: string; hpa: string }): string {
  return `/apis/autoscaling/v2/namespaces/${namespace}/horizontalpodautoscalers/${hpa}`;
}
