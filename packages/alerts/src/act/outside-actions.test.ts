import { expect, test } from "vitest";
import { actionContract, bindAction, firing } from "../../test/action-contract.js";
import { type SeenRequest, startTestTarget, type TargetAnswer } from "../../test/test-target.js";
import { signAws } from "../aws/signature.js";
import { argocdRollback } from "./argocd-rollback.js";
import { awsAutoscaling } from "./aws-autoscaling.js";
import { featureFlag } from "./feature-flag.js";
import { githubRevert } from "./github-revert.js";

const call = () => ({ idempotencyKey: "tocsin-act-1", signal: AbortSignal.timeout(5_000) });
const now = () => AbortSignal.timeout(5_000);

const application = (automated?: object) => ({
  metadata: { name: "shop" },
  spec: { syncPolicy: automated ? { automated } : {} },
  status: {
    history: [
      { id: 11, revision: "aaa" },
      { id: 12, revision: "bbb" },
      { id: 13, revision: "ccc" },
    ],
  },
});

function argocd(app: object = application()) {
  return ({ method, headers }: SeenRequest): TargetAnswer => {
    if (headers.authorization !== "Bearer s3cret") return { status: 401 };
    return method === "GET" ? { status: 200, body: app } : { status: 200, body: {} };
  };
}

actionContract({
  definition: argocdRollback,
  settings: (url) => ({ server: url, token: "s3cret", application: "shop" }),
  api: argocd(),
  isWrite: ({ method }) => method === "POST",
});

test("argocd_rollback goes to the deployment before this one, and back", async () => {
  await using target = await startTestTarget(argocd());
  const bound = bindAction(argocdRollback, { server: target.url, token: "s3cret", application: "shop" });
  const plan = await bound.plan(firing, now());
  expect(plan).toMatchObject({ summary: "roll application shop back to deployment 12 (bbb)", refusal: null });
  await bound.act(plan, call());
  await bound.revert(plan, call());
  const posts = target.requests.filter(({ method }) => method === "POST");
  expect(posts.map(({ path, body }) => [path, (body as { id: number }).id])).toEqual([
    ["/api/v1/applications/shop/rollback", 12],
    ["/api/v1/applications/shop/rollback", 13],
  ]);
});

test("argocd_rollback refuses while automated sync would undo it", async () => {
  await using target = await startTestTarget(argocd(application({ prune: true })));
  const bound = bindAction(argocdRollback, { server: target.url, token: "s3cret", application: "shop" });
  expect((await bound.plan(firing, now())).refusal).toContain("automated sync is on");
});

const merged = (number: number, merged_at: string | null) => ({
  number,
  node_id: `PR_${number}`,
  title: `change ${number}`,
  merged_at,
});
const minutesAgo = (minutes: number): string => new Date(Date.now() - minutes * 60_000).toISOString();

function github(pulls: object[], answer: object) {
  return ({ method, headers }: SeenRequest): TargetAnswer => {
    if (headers.authorization !== "Bearer s3cret") return { status: 401 };
    return { status: 200, body: method === "GET" ? pulls : answer };
  };
}

const opened = { data: { revertPullRequest: { revertPullRequest: { number: 9, url: "https://x/9" } } } };
const pulls = [merged(7, minutesAgo(90)), merged(8, minutesAgo(10)), merged(6, null)];
const githubSettings = (url: string) => ({ repository: "acme/shop", token: "s3cret", api_url: url });

actionContract({
  definition: githubRevert,
  settings: githubSettings,
  api: github(pulls, opened),
  isWrite: ({ method }) => method === "POST",
});

test("github_revert asks to revert the latest merge, named by the key", async () => {
  await using target = await startTestTarget(github(pulls, opened));
  const bound = bindAction(githubRevert, githubSettings(target.url));
  const plan = await bound.plan(firing, now());
  expect(plan.summary).toBe("open a pull request in acme/shop that reverts #8 “change 8”");
  expect(await bound.act(plan, call())).toEqual({ message: "opened #9 https://x/9" });
  expect(target.requests.at(-1)).toMatchObject({
    path: "/graphql",
    body: {
      variables: {
        input: { pullRequestId: "PR_8", clientMutationId: "tocsin-act-1", title: 'Revert "change 8"' },
      },
    },
  });
});

test.each([
  { name: "an old merge is not suspected", list: [merged(7, minutesAgo(3_000))], want: "older than max_age" },
  { name: "nothing was merged", list: [merged(6, null)], want: "no merged pull request was found on main" },
])("github_revert refuses: $name", async ({ list, want }) => {
  await using target = await startTestTarget(github(list, opened));
  expect((await bindAction(githubRevert, githubSettings(target.url)).plan(firing, now())).refusal).toContain(
    want,
  );
});

test("github_revert takes an error with status 200 for what it is", async () => {
  const refused = { data: null, errors: [{ message: "Pull request cannot be reverted" }] };
  await using target = await startTestTarget(github(pulls, refused));
  const bound = bindAction(githubRevert, githubSettings(target.url));
  const plan = await bound.plan(firing, now());
  await expect(bound.act(plan, call())).rejects.toMatchObject({
    code: "ACTION_REJECTED",
    message: "GitHub refuses to revert #8: Pull request cannot be reverted",
  });
});

const flagSettings = (url: string, provider: string) => ({
  provider,
  url,
  token: "s3cret",
  project: "shop",
  flag: "new-pay",
  environment: "production",
});

function flags({ method, headers, path }: SeenRequest): TargetAnswer {
  if (headers.authorization !== "s3cret") return { status: 401 };
  if (method !== "GET") return { status: 200, body: {} };
  return path.startsWith("/api/v2/")
    ? { status: 200, body: { environments: { production: { on: true } } } }
    : { status: 200, body: { environments: [{ name: "production", enabled: true }] } };
}

for (const provider of ["launchdarkly", "unleash"]) {
  actionContract({
    definition: featureFlag,
    settings: (url) => flagSettings(url, provider),
    api: flags,
    isWrite: ({ method }) => method !== "GET",
  });
}

test.each([
  {
    provider: "launchdarkly",
    want: [
      [
        "PATCH",
        "/api/v2/flags/shop/new-pay",
        { environmentKey: "production", instructions: [{ kind: "turnFlagOff" }] },
      ],
      [
        "PATCH",
        "/api/v2/flags/shop/new-pay",
        { environmentKey: "production", instructions: [{ kind: "turnFlagOn" }] },
      ],
    ],
  },
  {
    provider: "unleash",
    want: [
      ["POST", "/api/admin/projects/shop/features/new-pay/environments/production/off", {}],
      ["POST", "/api/admin/projects/shop/features/new-pay/environments/production/on", {}],
    ],
  },
])("feature_flag switches a flag of $provider off, and back on", async ({ provider, want }) => {
  await using target = await startTestTarget(flags);
  const bound = bindAction(featureFlag, flagSettings(target.url, provider));
  const plan = await bound.plan(firing, now());
  expect(plan).toMatchObject({ summary: "switch flag new-pay in production off", isNeeded: true });
  await bound.act(plan, call());
  await bound.revert(plan, call());
  expect(target.requests.slice(1).map(({ method, path, body }) => [method, path, body])).toMatchObject(want);
});

test("feature_flag says when the environment does not exist", async () => {
  await using target = await startTestTarget(flags);
  const bound = bindAction(featureFlag, { ...flagSettings(target.url, "unleash"), environment: "prod" });
  await expect(bound.plan(firing, now())).rejects.toThrow(
    'The flag new-pay has no environment "prod". Check its name.',
  );
});

/** As much of the auto scaling API as is used, with a group that remembers. */
function autoscaling() {
  const group = { desired: 3, max: 8 };
  const answer = ({ headers, body }: SeenRequest): TargetAnswer => {
    if (
      !/^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-central-1\/autoscaling\/aws4_request, /.test(
        headers.authorization ?? "",
      )
    ) {
      return { status: 403, text: "<Error><Code>SignatureDoesNotMatch</Code></Error>" };
    }
    const form = new URLSearchParams(String(body));
    if (form.get("Action") === "SetDesiredCapacity") group.desired = Number(form.get("DesiredCapacity"));
    const text = `<R><member><MaxSize>${group.max}</MaxSize><DesiredCapacity>${group.desired}</DesiredCapacity></member></R>`;
    return { status: 200, text };
  };
  return { group, answer };
}

const awsSettings = (url: string) => ({
  region: "eu-central-1",
  group: "checkout",
  factor: 2,
  max_capacity: 20,
  access_key_id: "AKIDEXAMPLE",
  secret_access_key: "s3cret",
  endpoint: url,
});

actionContract({
  definition: awsAutoscaling,
  settings: awsSettings,
  api: (request) => autoscaling().answer(request),
  isWrite: ({ body }) => String(body).includes("SetDesiredCapacity"),
});

test("aws_autoscaling sets the capacity, sets it back, and leaves alone what someone else set", async () => {
  const { group, answer } = autoscaling();
  await using target = await startTestTarget(answer);
  const bound = bindAction(awsAutoscaling, awsSettings(target.url));
  const plan = await bound.plan(firing, now());
  expect(plan.summary).toBe("set desired capacity of checkout from 3 to 6");
  await bound.act(plan, call());
  expect(group.desired).toBe(6);
  await bound.act(plan, call());
  expect(group.desired).toBe(6);
  await bound.revert(plan, call());
  expect(group.desired).toBe(3);
  group.desired = 5;
  await expect(bound.act(plan, call())).rejects.toMatchObject({
    code: "ACTION_TARGET_CHANGED",
    effect: "none",
  });
  expect(group.desired).toBe(5);
});

test("signs as AWS's own example does", () => {
  const headers = signAws(
    {
      url: "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08",
      method: "GET",
      body: "",
      headers: { "content-type": "application/x-www-form-urlencoded; charset=utf-8" },
    },
    { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" },
    { region: "us-east-1", service: "iam" },
    Date.UTC(2015, 7, 30, 12, 36, 0),
  );
  expect(headers.authorization).toContain(
    "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
  );
});
