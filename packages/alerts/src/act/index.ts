import type { ActionDefinition } from "./action.js";
import { argoRollouts } from "./argo-rollouts.js";
import { argocdRollback } from "./argocd-rollback.js";
import { awsAutoscaling } from "./aws-autoscaling.js";
import { featureFlag } from "./feature-flag.js";
import { fluxSuspend } from "./flux-suspend.js";
import { githubRevert } from "./github-revert.js";
import { hpaMinReplicas } from "./hpa-min-replicas.js";
import { kubernetesRollback } from "./kubernetes-rollback.js";
import { kubernetesScale } from "./kubernetes-scale.js";
import { webhook } from "./webhook.js";

/** Every kind of action. Config, validation, docs and the contract test follow from this list. */
export const actionDefinitions: readonly ActionDefinition[] = [
  webhook,
  kubernetesScale,
  kubernetesRollback,
  hpaMinReplicas,
  argoRollouts,
  argocdRollback,
  fluxSuspend,
  githubRevert,
  featureFlag,
  awsAutoscaling,
];
