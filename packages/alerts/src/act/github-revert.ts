import { duration, secret } from "@tocsin/model/config";
import { z } from "zod";
import { type ActionPlan, defineAction } from "./action.js";
import { ActionError } from "./errors.js";
import { callJson } from "./http-call.js";

const PullRequests = z.array(
  z.looseObject({
    number: z.number(),
    node_id: z.string(),
    title: z.string(),
    merged_at: z.string().nullable(),
    user: z.looseObject({ login: z.string() }).nullish(),
  }),
);

const Reverted = z.looseObject({
  data: z
    .looseObject({
      revertPullRequest: z
        .looseObject({ revertPullRequest: z.looseObject({ number: z.number(), url: z.string() }).nullable() })
        .nullable(),
    })
    .nullish(),
  errors: z.array(z.looseObject({ message: z.string() })).default([]),
});

const MUTATION = `mutation($input: RevertPullRequestInput!) {
  revertPullRequest(input: $input) { revertPullRequest { number url } }
}`;

export const GithubRevertConfig = z.strictObject({
  repository: z.string().regex(/^[\w.-]+\/[\w.-]+$/, "Write owner/name."),
  base: z.string().default("main").describe("The branch whose latest merge is undone."),
  token: secret().describe("May read and write contents and pull requests of the repository."),
  max_age: duration().default(86_400_000).describe("Merges older than this are not suspected."),
  draft: z.boolean().default(false).describe("Open it as a draft."),
  api_url: z
    .url({ protocol: /^https?$/ })
    .default("https://api.github.com")
    .describe("GitHub's REST API."),
  graphql_url: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe("GitHub's GraphQL API. Default: api_url + /graphql; Enterprise has it at /api/graphql."),
});

interface Target {
  readonly latest: z.infer<typeof PullRequests>[number] | undefined;
  readonly ageMs: number;
}

/** Opens the pull request that reverts the latest merge. It is merged by whoever merges there: people, or checks. */
export const githubRevert = defineAction({
  type: "github_revert",
  summary: "Opens a pull request that reverts the latest merge of a branch.",
  config: GithubRevertConfig,
  isRepeatable: () => false,

  plan(config, { latest, ageMs }: Target): ActionPlan {
    const title = latest ? `Revert "${latest.title}"` : "";
    return {
      summary: latest
        ? `open a pull request in ${config.repository} that reverts #${latest.number} “${latest.title}”`
        : `nothing to revert on ${config.base} of ${config.repository}`,
      changes: [{ what: `pull requests of ${config.repository}`, before: null, after: title }],
      request: {
        method: "POST",
        url: graphqlUrl(config),
        body: { revertPullRequest: latest?.number ?? null, title },
      },
      refusal: latest
        ? ageMs > config.max_age
          ? `the latest merge (#${latest.number}) is older than max_age, so it is hardly the cause`
          : null
        : `no merged pull request was found on ${config.base}`,
      isNeeded: true,
      details: { pullRequestId: latest?.node_id ?? null, number: latest?.number ?? null, title },
    };
  },

  create(config, { fetch, clock }) {
    const headers = {
      authorization: `Bearer ${config.token.reveal()}`,
      "user-agent": "tocsin",
      "x-github-api-version": "2022-11-28",
    };
    return {
      async read(_trigger, signal) {
        const query = `state=closed&base=${encodeURIComponent(config.base)}&sort=updated&direction=desc&per_page=50`;
        const url = `${config.api_url.replace(/\/$/, "")}/repos/${config.repository}/pulls?${query}`;
        const found = PullRequests.safeParse(await callJson(fetch, { method: "GET", url, headers, signal }));
        if (!found.success) {
          throw new ActionError(
            "ACTION_ANSWER_INVALID",
            `GitHub answered no list of pull requests: ${z.prettifyError(found.error)}.`,
          );
        }
        const latest = found.data
          .filter(({ merged_at }) => merged_at !== null)
          .sort((a, b) => Date.parse(b.merged_at ?? "") - Date.parse(a.merged_at ?? ""))[0];
        return { latest, ageMs: latest ? clock.now() - Date.parse(latest.merged_at ?? "") : 0 };
      },
      async act({ details }, { idempotencyKey, signal }) {
        const input = {
          pullRequestId: details.pullRequestId,
          clientMutationId: idempotencyKey,
          title: details.title,
          body: `Opened by Tocsin (${idempotencyKey}) because an alert asked for it.`,
          draft: config.draft,
        };
        const body = { query: MUTATION, variables: { input } };
        const answer = Reverted.safeParse(
          await callJson(fetch, { method: "POST", url: graphqlUrl(config), headers, body, signal }),
        );
        const [error] = answer.data?.errors ?? [];
        // GraphQL says its refusals with status 200.
        if (error)
          throw new ActionError(
            "ACTION_REJECTED",
            `GitHub refuses to revert #${String(details.number)}: ${error.message}`,
          );
        const made = answer.data?.data?.revertPullRequest?.revertPullRequest;
        if (made) return { message: `opened #${made.number} ${made.url}` };
        throw new ActionError(
          "ACTION_ANSWER_INVALID",
          "GitHub named no pull request that it made. Look at the repository.",
          {
            effect: "unknown",
          },
        );
      },
    };
  },
});

function graphqlUrl({ api_url, graphql_url }: { api_url: string; graphql_url?: string | undefined }): string {
  return graphql_url ?? `${api_url.replace(/\/$/, "")}/graphql`;
}
