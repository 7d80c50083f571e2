import { z } from "zod";
import { type ActionCall, type ActionPlan, type ActionResult, defineAction } from "./action.js";
import { ActionError } from "./errors.js";
import {
  DEED_ANNOTATION,
  KubernetesObject,
  kubernetesAccess,
  kubernetesApi,
  kubernetesName,
} from "./kubernetes.js";

const REVISION = "deployment.kubernetes.io/revision";

const Template = z.looseObject({
  metadata: z.looseObject({ labels: z.record(z.string(), z.string()).optional() }).optional(),
  spec: z.looseObject({
    containers: z.array(z.looseObject({ name: z.string(), image: z.string().optional() })),
  }),
});

const Metadata = z.looseObject({
  name: z.string(),
  uid: z.string(),
  resourceVersion: z.string(),
  annotations: z.record(z.string(), z.string()).default({}),
  ownerReferences: z.array(z.looseObject({ uid: z.string() })).default([]),
});

const Deployment = KubernetesObject.extend({
  metadata: Metadata,
  spec: z.looseObject({
    paused: z.boolean().default(false),
    selector: z.looseObject({ matchLabels: z.record(z.string(), z.string()).default({}) }),
    template: Template,
  }),
});

const ReplicaSet = KubernetesObject.extend({
  metadata: Metadata,
  spec: z.looseObject({ template: Template }),
});
const ReplicaSets = z.looseObject({ items: z.array(ReplicaSet) });

interface Target {
  readonly deployment: z.infer<typeof Deployment>;
  /** The replica sets of this deployment, newest revision first. */
  readonly revisions: readonly z.infer<typeof ReplicaSet>[];
}

export const KubernetesRollbackConfig = z.strictObject({
  ...kubernetesAccess,
  namespace: kubernetesName(),
  deployment: kubernetesName(),
});

/** Brings back the pod template of the revision before this one, as `kubectl rollout undo` does. */
export const kubernetesRollback = defineAction({
  type: "kubernetes_rollback",
  summary: "Rolls a deployment back to its previous revision.",
  config: KubernetesRollbackConfig,
  isRepeatable: () => true,

  plan(config, { deployment, revisions }: Target): ActionPlan {
    const current = revisionOf(deployment);
    const previous = revisions.find((set) => revisionOf(set) < current);
    const currentSet = revisions.find((set) => revisionOf(set) === current);
    const name = `${config.namespace}/${config.deployment}`;
    const before = imagesOf(deployment.spec.template);
    const after = previous ? imagesOf(previous.spec.template) : before;
    return {
      summary: `roll deployment ${name} back from revision ${current} to ${previous ? revisionOf(previous) : "none"}`,
      changes: Object.keys({ ...before, ...after }).map((container) => ({
        what: `image of ${container}`,
        before: before[container] ?? null,
        after: after[container] ?? "none",
      })),
      request: { method: "PATCH", url: kubernetesApi(config, globalThis.fetch).url(pathOf(config)) },
      refusal: refusalOf(deployment, previous),
      isNeeded: true,
      // Templates may hold secrets in their environment: only names are kept, the template is read again when needed.
      details: {
        resourceVersion: deployment.metadata.resourceVersion,
        from: currentSet?.metadata.name ?? null,
        to: previous?.metadata.name ?? null,
      },
    };
  },

  create(config, { fetch }) {
    const api = kubernetesApi(config, fetch);
    const path = pathOf(config);
    const setsPath = `/apis/apps/v1/namespaces/${config.namespace}/replicasets`;
    async function bringBack(
      set: unknown,
      resourceVersion: unknown,
      call: ActionCall,
    ): Promise<ActionResult> {
      if (typeof set !== "string")
        throw new ActionError("ACTION_REJECTED", "The revision to go to is not known.");
      const { spec, metadata } = await api.get(`${setsPath}/${set}`, ReplicaSet, call.signal);
      const { "pod-template-hash": _hash, ...labels } = spec.template.metadata?.labels ?? {};
      const template = { ...spec.template, metadata: { ...spec.template.metadata, labels } };
      const operations = [
        // Replacing it with what was read makes the API refuse (409) when the object changed since.
        { op: "replace", path: "/metadata/resourceVersion", value: resourceVersion },
        { op: "replace", path: "/spec/template", value: template },
        { op: "add", path: `/metadata/annotations/${pointer(DEED_ANNOTATION)}`, value: call.idempotencyKey },
      ];
      await api.jsonPatch(path, operations, call);
      return {
        message: `runs the template of ${metadata.name} (revision ${metadata.annotations[REVISION]}) again`,
      };
    }
    return {
      async read(_trigger, signal) {
        const deployment = await api.get(path, Deployment, signal);
        const selector = Object.entries(deployment.spec.selector.matchLabels)
          .map(([label, value]) => `${label}=${value}`)
          .join(",");
        const sets = await api.get(
          `${setsPath}?labelSelector=${encodeURIComponent(selector)}`,
          ReplicaSets,
          signal,
        );
        const revisions = sets.items
          .filter(({ metadata }) =>
            metadata.ownerReferences.some(({ uid }) => uid === deployment.metadata.uid),
          )
          .sort((a, b) => revisionOf(b) - revisionOf(a));
        return { deployment, revisions };
      },
      act: ({ details }, call) => bringBack(details.to, details.resourceVersion, call),
      async revert({ details }, call) {
        const now = await api.get(path, Deployment, call.signal);
        return bringBack(details.from, now.metadata.resourceVersion, call);
      },
    };
  },
});

function refusalOf({ spec }: z.infer<typeof Deployment>, previous: unknown): string | null {
  if (spec.paused) return "the deployment is paused; resume it first";
  return previous === undefined ? "there is no revision before this one" : null;
}

function revisionOf({ metadata }: { metadata: z.infer<typeof Metadata> }): number {
  return Number(metadata.annotations[REVISION] ?? 0);
}

function imagesOf({ spec }: z.infer<typeof Template>): Record<string, string> {
  return Object.fromEntries(spec.containers.map(({ name, image }) => [name, image ?? "none"]));
}

function pathOf({ namespace, deployment }: { namespace: string; deployment: string }): string {
  return `/apis/apps/v1/namespaces/${namespace}/deployments/${deployment}`;
}

/** A key inside a JSON pointer (RFC 6901). */
function pointer(key: string): string {
  return key.replaceAll("~", "~0").replaceAll("/", "~1");
}
