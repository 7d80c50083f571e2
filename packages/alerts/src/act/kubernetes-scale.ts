import { z } from "zod";
import { type ActionPlan, defineAction } from "./action.js";
import { KubernetesObject, kubernetesAccess, kubernetesApi, kubernetesName } from "./kubernetes.js";
import { setField, unsetField } from "./kubernetes-field.js";
import { countChange, hasOneChange, ONE_CHANGE, targetCount } from "./target-count.js";

const Scale = KubernetesObject.extend({ spec: z.looseObject({ replicas: z.number().int().default(0) }) });

export const KubernetesScaleConfig = z
  .strictObject({
    ...kubernetesAccess,
    namespace: kubernetesName(),
    kind: z.enum(["deployment", "statefulset"]).default("deployment"),
    name: kubernetesName().describe("Name of the deployment or stateful set."),
    ...countChange,
    max_replicas: z
      .number()
      .int()
      .positive()
      .max(1_000)
      .describe("Never more than these, whatever is asked."),
  })
  .refine(hasOneChange, ONE_CHANGE);

/** Changes the number of replicas, through the scale subresource. */
export const kubernetesScale = defineAction({
  type: "kubernetes_scale",
  summary: "Scales a deployment or stateful set, never above max_replicas.",
  config: KubernetesScaleConfig,
  // A second patch with the same resourceVersion is refused, so that repeating it changes nothing.
  isRepeatable: () => true,

  plan(config, scale: z.infer<typeof Scale>): ActionPlan {
    const { replicas } = scale.spec;
    const { target, refusal } = targetCount(replicas, config, config.max_replicas);
    const what = `${config.kind} ${config.namespace}/${config.name}`;
    return {
      summary: `scale ${what} from ${replicas} to ${target} replicas`,
      changes: [{ what: `${what} replicas`, before: String(replicas), after: String(target) }],
      request: {
        method: "PATCH",
        url: kubernetesApi(config, globalThis.fetch).url(pathOf(config)),
        body: { spec: { replicas: target } },
      },
      refusal,
      isNeeded: target !== replicas,
      details: { resourceVersion: scale.metadata.resourceVersion, before: replicas, after: target },
    };
  },

  create(config, { fetch }) {
    const api = kubernetesApi(config, fetch);
    const field = {
      api,
      path: pathOf(config),
      schema: Scale,
      read: ({ spec }: z.infer<typeof Scale>) => spec.replicas,
      write: (replicas: unknown) => ({ spec: { replicas } }),
      name: "number of replicas",
    };
    return {
      read: (_trigger, signal) => api.get(field.path, Scale, signal),
      act: (plan, call) => setField(field, plan, call),
      revert: (plan, call) => unsetField(field, plan, call),
    };
  },
});

function pathOf({ namespace, kind, name }: { namespace: string; kind: string; name: string }): string {
  return `/apis/apps/v1/namespaces/${namespace}/${kind}s/${name}/scale`;
}
