import type { z } from "zod";
import type { ActionCall, ActionPlan, ActionResult } from "./action.js";
import { ActionError } from "./errors.js";
import type { KubernetesApi } from "./kubernetes.js";

/** One field of an object that an action sets, and sets back: the same care for each. */
export interface KubernetesField<Schema extends z.ZodType<{ metadata: { resourceVersion: string } }>> {
  readonly api: KubernetesApi;
  readonly path: string;
  readonly schema: Schema;
  readonly read: (object: z.output<Schema>) => string | number | boolean;
  /** The patch's part besides the metadata. */
  readonly write: (value: unknown) => object;
  /** The field's name for people. */
  readonly name: string;
}

/** Writes the plan's value under the `resourceVersion` that the plan was made from. */
export async function setField<Schema extends z.ZodType<{ metadata: { resourceVersion: string } }>>(
  { api, path, write, name }: KubernetesField<Schema>,
  { details }: ActionPlan,
  call: ActionCall,
): Promise<ActionResult> {
  const { resourceVersion, after } = details;
  await api.merge(path, { metadata: { resourceVersion }, ...write(after) }, call);
  return { message: `${name} is ${String(after)}` };
}

/** Sets it back to what it was, but only if nobody else has touched it since. */
export async function unsetField<Schema extends z.ZodType<{ metadata: { resourceVersion: string } }>>(
  { api, path, schema, read, write, name }: KubernetesField<Schema>,
  { details }: ActionPlan,
  call: ActionCall,
): Promise<ActionResult> {
  const now = await api.get(path, schema, call.signal);
  const value = read(now);
  if (value !== details.after) {
    throw new ActionError(
      "ACTION_REJECTED",
      `${name} is ${String(value)} now, not the ${String(details.after)} of this action: someone else changed it, so it stays.`,
    );
  }
  const { resourceVersion } = now.metadata;
  await api.merge(path, { metadata: { resourceVersion }, ...write(details.before) }, call);
  return { message: `${name} is ${String(details.before)} again` };
}
