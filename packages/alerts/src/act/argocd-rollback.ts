import { secret } from "@tocsin/model/config";
import { z } from "zod";
import { type ActionPlan, defineAction } from "./action.js";
import { ActionError } from "./errors.js";
import { callHttp, callJson } from "./http-call.js";

const Application = z.looseObject({
  metadata: z.looseObject({ name: z.string(), resourceVersion: z.string().default("") }),
  spec: z.looseObject({
    syncPolicy: z.looseObject({ automated: z.unknown().optional() }).nullish(),
  }),
  status: z
    .looseObject({
      history: z.array(z.looseObject({ id: z.number(), revision: z.string().default("") })).default([]),
    })
    .default({ history: [] }),
});

export const ArgocdRollbackConfig = z.strictObject({
  server: z.url({ protocol: /^https?$/ }).describe("Argo CD's address, such as https://argocd.example.com."),
  token: secret().describe("An API token that may get and override (roll back) the application."),
  application: z.string().regex(/^[a-z0-9][a-z0-9.-]*$/),
  app_namespace: z
    .string()
    .optional()
    .describe("Namespace of the application, when it is not Argo CD's own."),
});

/** Rolls an application of Argo CD back to its deployment before this one. */
export const argocdRollback = defineAction({
  type: "argocd_rollback",
  summary: "Rolls an Argo CD application back to its previous deployment.",
  config: ArgocdRollbackConfig,
  isRepeatable: () => false,

  plan(config, { spec, status }: z.infer<typeof Application>): ActionPlan {
    const [previous, current] = status.history.slice(-2);
    const to = current ? previous : undefined;
    const body = { name: config.application, id: to?.id ?? -1, prune: false, dryRun: false };
    return {
      summary: `roll application ${config.application} back to deployment ${to?.id ?? "none"} (${short(to?.revision)})`,
      changes: [
        {
          what: `${config.application} revision`,
          before: short(current?.revision ?? previous?.revision),
          after: short(to?.revision),
        },
      ],
      request: { method: "POST", url: addressOf(config, "/rollback"), body },
      refusal: spec.syncPolicy?.automated
        ? "automated sync is on, and Argo CD rolls nothing back then; switch it off, or revert in git with github_revert"
        : to
          ? null
          : "there is no deployment before this one",
      isNeeded: true,
      details: { from: current?.id ?? null, to: to?.id ?? null },
    };
  },

  create(config, { fetch }) {
    const headers = { authorization: `Bearer ${config.token.reveal()}` };
    const query =
      config.app_namespace === undefined ? "" : `?appNamespace=${encodeURIComponent(config.app_namespace)}`;
    async function rollTo(id: unknown, signal: AbortSignal, key: string) {
      if (typeof id !== "number")
        throw new ActionError("ACTION_REJECTED", "The deployment to go to is not known.");
      const body = {
        name: config.application,
        id,
        prune: false,
        dryRun: false,
        ...(config.app_namespace === undefined ? {} : { appNamespace: config.app_namespace }),
      };
      const url = addressOf(config, "/rollback");
      await callHttp(fetch, {
        method: "POST",
        url,
        headers: { ...headers, "idempotency-key": key },
        body,
        signal,
      });
      return { message: `rolled back to deployment ${id}` };
    }
    return {
      async read(_trigger, signal) {
        const answer = await callJson(fetch, {
          method: "GET",
          url: `${addressOf(config, "")}${query}`,
          headers,
          signal,
        });
        const application = Application.safeParse(answer);
        if (application.success) return application.data;
        throw new ActionError(
          "ACTION_ANSWER_INVALID",
          `Argo CD answered something that is no application: ${z.prettifyError(application.error)}.`,
        );
      },
      act: ({ details }, { signal, idempotencyKey }) => rollTo(details.to, signal, idempotencyKey),
      revert: ({ details }, { signal, idempotencyKey }) => rollTo(details.from, signal, idempotencyKey),
    };
  },
});

function addressOf({ server, application }: { server: string; application: string }, path: string): string {
  return `${server.replace(/\/$/, "")}/api/v1/applications/${application}${path}`;
}

function short(revision: string | undefined): string {
  return revision === undefined ? "none" : revision.slice(0, 12);
}
