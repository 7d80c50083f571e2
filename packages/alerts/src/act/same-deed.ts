import type { ActionPlan } from "./action.js";

/** Whether two plans would do the same to the world, whatever else about the target moved meanwhile. */
export function isSameDeed(a: ActionPlan, b: ActionPlan): boolean {
  return deed(a) === deed(b);
}

function deed({ summary, changes }: ActionPlan): string {
  return JSON.stringify([summary, changes.map(({ what, after }) => [what, after])]);
}
