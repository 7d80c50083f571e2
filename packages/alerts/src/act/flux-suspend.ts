import { z } from "zod";
import { type ActionPlan, defineAction } from "./action.js";
import { KubernetesObject, kubernetesAccess, kubernetesApi, kubernetesName } from "./kubernetes.js";
import { setField, unsetField } from "./kubernetes-field.js";

const Reconciled = KubernetesObject.extend({ spec: z.looseObject({ suspend: z.boolean().default(false) }) });

const KINDS = {
  kustomization: { group: "kustomize.toolkit.fluxcd.io/v1", plural: "kustomizations" },
  helmrelease: { group: "helm.toolkit.fluxcd.io/v2", plural: "helmreleases" },
} as const;

export const FluxSuspendConfig = z.strictObject({
  ...kubernetesAccess,
  namespace: kubernetesName(),
  kind: z.enum(["kustomization", "helmrelease"]).default("kustomization"),
  name: kubernetesName(),
});

/** Stops Flux from applying more changes, so that what is rolled back by hand or by another action stays so. */
export const fluxSuspend = defineAction({
  type: "flux_suspend",
  summary: "Suspends a Kustomization or HelmRelease of Flux.",
  config: FluxSuspendConfig,
  isRepeatable: () => true,

  plan(config, { spec, metadata }: z.infer<typeof Reconciled>): ActionPlan {
    const name = `${config.kind} ${config.namespace}/${config.name}`;
    return {
      summary: `suspend ${name}`,
      changes: [{ what: `${name} spec.suspend`, before: String(spec.suspend), after: "true" }],
      request: {
        method: "PATCH",
        url: kubernetesApi(config, globalThis.fetch).url(pathOf(config)),
        body: { spec: { suspend: true } },
      },
      refusal: null,
      isNeeded: !spec.suspend,
      details: { resourceVersion: metadata.resourceVersion, before: spec.suspend, after: true },
    };
  },

  create(config, { fetch }) {
    const api = kubernetesApi(config, fetch);
    const field = {
      api,
      path: pathOf(config),
      schema: Reconciled,
      read: ({ spec }: z.infer<typeof Reconciled>) => spec.suspend,
      write: (suspend: unknown) => ({ spec: { suspend } }),
      name: "spec.suspend",
    };
    return {
      read: (_trigger, signal) => api.get(field.path, Reconciled, signal),
      act: (plan, call) => setField(field, plan, call),
      revert: (plan, call) => unsetField(field, plan, call),
    };
  },
});

function pathOf({ namespace, kind, name }: z.infer<typeof FluxSuspendConfig>): string {
  const { group, plural } = KINDS[kind];
  return `/apis/${group}/namespaces/${namespace}/${plural}/${name}`;
}
