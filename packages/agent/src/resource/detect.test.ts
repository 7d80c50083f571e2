import { expect, test } from "vitest";
import { EnvReader } from "../settings/env.js";
import { containerFacts } from "./container.js";
import { detectResource } from "./detect.js";
import { gitCommit, serviceIdentity } from "./service.js";

const FACTS = {
  pid: 7,
  script: "/srv/app/dist/server.js",
  execPath: "/n",
  cwd: "/srv",
  nodeVersion: "20.20.2",
};
const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const disk = (files: Record<string, string>) => (path: string) => files[path];

test("the service is what its package.json says, and what the environment says over that", () => {
  const read = disk({ "/srv/app/package.json": `{"name":"checkout","version":"1.42.0"}` });
  const detect = (env: Record<string, string>) => detectResource(new EnvReader(env), FACTS, read);
  expect(detect({})).toMatchObject({ "service.name": "checkout", "service.version": "1.42.0" });
  expect(detect({ SERVICE_VERSION: "2", OTEL_SERVICE_NAME: "pay" })).toMatchObject({
    "service.name": "pay",
    "service.version": "2",
  });
  expect(
    detect({
      OTEL_RESOURCE_ATTRIBUTES: "service.name=a,service.version=3,team=x%20y",
      NODE_ENV: "production",
    }),
  ).toMatchObject({
    "service.name": "a",
    "service.version": "3",
    team: "x y",
    "deployment.environment.name": "production",
  });
});

test.each([
  { files: { "/srv/app/.git/HEAD": COMMIT }, want: COMMIT },
  {
    files: { "/srv/.git/HEAD": "ref: refs/heads/main", "/srv/.git/refs/heads/main": `${COMMIT}\n` },
    want: COMMIT,
  },
  {
    files: { "/srv/.git/HEAD": "ref: refs/heads/main", "/srv/.git/packed-refs": `${COMMIT} refs/heads/main` },
    want: COMMIT,
  },
  {
    // A worktree.
    files: {
      "/srv/.git": "gitdir: /repo/.git/worktrees/srv\n",
      "/repo/.git/worktrees/srv/HEAD": "ref: refs/heads/main",
      "/repo/.git/worktrees/srv/commondir": "../..\n",
      "/repo/.git/refs/heads/main": COMMIT,
    },
    want: COMMIT,
  },
  {
    // A submodule.
    files: { "/srv/.git": "gitdir: ../.git/modules/srv\n", "/.git/modules/srv/HEAD": `${COMMIT}\n` },
    want: COMMIT,
  },
  // A repository without a commit ends the search as one with a commit does.
  { files: { "/srv/.git/HEAD": "ref: refs/heads/main", "/.git/HEAD": COMMIT }, want: undefined },
  { files: {}, want: undefined },
])("the commit is $want", ({ files, want }) => {
  expect(gitCommit("/srv/app", disk(files as Record<string, string>))).toBe(want);
});

test("the version is the commit's where the package has none of its own, by git or the environment", () => {
  const read = disk({ "/srv/package.json": `{"name":"shop","version":"0.0.0"}`, "/srv/.git/HEAD": COMMIT });
  const detect = (env: Record<string, string>) => detectResource(new EnvReader(env), FACTS, read);
  expect(detect({})).toMatchObject({
    "service.name": "shop",
    "service.version": "0123456789ab",
    "vcs.ref.head.revision": COMMIT,
  });
  expect(detect({ GITHUB_SHA: "f".repeat(40) })).toMatchObject({ "service.version": "f".repeat(12) });
  expect(serviceIdentity("/", disk({}))).toEqual({ name: undefined, version: undefined });
  expect(detectResource(new EnvReader({}), FACTS, disk({}))["service.name"]).toBe("unknown_service:node");
});

test("a service that a tool of its packages starts is what its folder says", () => {
  const read = disk({
    "/srv/package.json": `{"name":"shop","version":"2.0.0"}`,
    "/srv/node_modules/next/package.json": `{"name":"next","version":"15.0.0"}`,
  });
  const facts = { ...FACTS, script: "/srv/node_modules/next/dist/bin/next" };
  expect(detectResource(new EnvReader({}), facts, read)).toMatchObject({
    "service.name": "shop",
    "service.version": "2.0.0",
  });
});

test("tells the SDK and the distribution with their versions", () => {
  expect(detectResource(new EnvReader({}), FACTS, disk({}))).toMatchObject({
    "telemetry.sdk.name": "opentelemetry",
    "telemetry.sdk.language": "nodejs",
    "telemetry.sdk.version": expect.stringMatching(/^2\./),
    "telemetry.distro.name": "tocsin",
    "telemetry.distro.version": expect.stringMatching(/^\d+\./),
  });
});

test.each([
  {
    platform: "aws_lambda",
    env: {
      AWS_LAMBDA_FUNCTION_NAME: "pay",
      AWS_REGION: "eu-west-1",
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "128",
      AWS_LAMBDA_LOG_GROUP_NAME: "/aws/lambda/pay",
    },
    want: {
      "service.name": "pay",
      "cloud.provider": "aws",
      "cloud.region": "eu-west-1",
      "faas.name": "pay",
      "faas.max_memory": 134_217_728,
      "aws.log.group.names": ["/aws/lambda/pay"],
    },
  },
  {
    platform: "aws_ecs",
    env: { ECS_CONTAINER_METADATA_URI_V4: "http://x", AWS_EXECUTION_ENV: "AWS_ECS_FARGATE" },
    want: { "cloud.provider": "aws", "aws.ecs.launchtype": "fargate", "service.name": "shop" },
  },
  {
    platform: "gcp_cloud_run",
    env: { K_SERVICE: "pay", K_REVISION: "pay-7", GOOGLE_CLOUD_PROJECT: "p" },
    want: { "faas.name": "pay", "faas.version": "pay-7", "cloud.account.id": "p", "service.name": "shop" },
  },
  {
    platform: "gcp_cloud_run",
    env: { CLOUD_RUN_JOB: "night", CLOUD_RUN_EXECUTION: "night-1", CLOUD_RUN_TASK_INDEX: "3" },
    want: { "gcp.cloud_run.job.execution": "night-1", "gcp.cloud_run.job.task_index": 3 },
  },
  {
    platform: "gcp_cloud_functions",
    env: { FUNCTION_TARGET: "f", K_SERVICE: "pay" },
    want: { "faas.name": "pay" },
  },
  {
    platform: "gcp_app_engine",
    env: { GAE_SERVICE: "pay", GAE_VERSION: "2", GAE_INSTANCE: "i" },
    want: { "faas.name": "pay", "faas.version": "2", "faas.instance": "i" },
  },
  {
    platform: "azure.app_service",
    env: { WEBSITE_SITE_NAME: "pay", WEBSITE_OWNER_NAME: "sub+group-x", WEBSITE_RESOURCE_GROUP: "g" },
    want: {
      "cloud.provider": "azure",
      "cloud.resource_id": "/subscriptions/sub/resourceGroups/g/providers/Microsoft.Web/sites/pay",
    },
  },
  {
    platform: "azure.functions",
    env: { FUNCTIONS_WORKER_RUNTIME: "node", WEBSITE_SITE_NAME: "pay", WEBSITE_INSTANCE_ID: "i" },
    want: { "faas.name": "pay", "faas.instance": "i" },
  },
  {
    platform: "azure.container_apps",
    env: { CONTAINER_APP_NAME: "pay" },
    want: { "cloud.provider": "azure" },
  },
  {
    platform: undefined,
    env: { DYNO: "web.1" },
    want: { "cloud.provider": "heroku", "heroku.dyno": "web.1" },
  },
  { platform: undefined, env: {}, want: { "service.name": "shop" } },
])("$env is $platform", ({ platform, env, want }) => {
  const read = disk({ "/srv/package.json": `{"name":"shop","version":"1.0.0"}` });
  const found = detectResource(new EnvReader(env as Record<string, string>), FACTS, read);
  expect(found["cloud.platform"]).toBe(platform);
  expect(found).toMatchObject(want);
});

test("Kubernetes is described inside a cluster only", () => {
  const env = { POD_NAME: "shop-1", NODE_NAME: "n1", CONTAINER_NAME: "c" };
  expect(detectResource(new EnvReader(env), FACTS, disk({}))).toMatchObject({
    "k8s.pod.name": "shop-1",
    "k8s.node.name": "n1",
  });
  expect(detectResource(new EnvReader({ CONTAINER_NAME: "c" }), FACTS, disk({}))).not.toHaveProperty(
    "k8s.container.name",
  );
});

const ID = "a".repeat(64);
const UID = "01234567-89ab-cdef-0123-456789abcdef";
const KUBELET = `3 2 8:1 /var/lib/kubelet/pods/${UID}/containers/web/1a2b3c /dev/termination-log rw\n`;

test.each([
  { where: "Docker, cgroup v1", cgroup: `1:name=systemd:/docker/${ID}`, id: ID },
  { where: "systemd's slices", cgroup: `0::/system.slice/docker-${ID}.scope`, id: ID },
  { where: "a container with cgroups of its own", cgroup: `0::/docker-${ID}.scope/init.scope`, id: ID },
  { where: "podman", cgroup: `0::/machine.slice/libpod-${ID}.scope/container`, id: ID },
  {
    where: "containerd below systemd",
    cgroup: `0::/kubepods-burstable-pod${UID.replaceAll("-", "_")}.slice:cri-containerd:${ID}`,
    id: ID,
    podUid: UID,
  },
  {
    where: "Kubernetes, cgroup v1",
    cgroup: `5:cpu:/kubepods/burstable/pod${UID}/${ID}`,
    id: ID,
    podUid: UID,
  },
  {
    where: "a cluster in Docker",
    cgroup: `5:cpu:/docker/${"b".repeat(64)}/kubepods/pod${UID}/${ID}`,
    id: ID,
    podUid: UID,
  },
  {
    where: "Fargate",
    cgroup: `1:cpu:/ecs/${"c".repeat(32)}/${"c".repeat(32)}-0123456789`,
    id: `${"c".repeat(32)}-0123456789`,
  },
  {
    where: "Docker, cgroup v2",
    mounts: `/var/lib/docker/containers/${ID}/hostname /etc/hostname rw`,
    id: ID,
  },
  {
    where: "podman, cgroup v2",
    mounts: `/containers/storage/overlay-containers/${ID}/userdata/hosts /etc/hosts rw`,
    id: ID,
  },
  {
    // Its mounts have the id of the pod's sandbox.
    where: "Kubernetes, cgroup v2",
    mounts: `${KUBELET}4 2 0:3 /containers/storage/overlay-containers/${ID}/userdata/resolv.conf /etc/resolv.conf rw`,
    podUid: UID,
    name: "web",
  },
  { where: "no container", cgroup: "0::/user.slice/session-1.scope" },
])("a process in $where knows its container", ({ cgroup = "0::/", mounts = "", id, podUid, name }) => {
  const read = disk({ "/proc/self/cgroup": `${cgroup}\n`, "/proc/self/mountinfo": mounts });
  expect(containerFacts(read)).toEqual({ id, podUid, name });
});

test("what a pod finds out of itself fills in what it was not told", () => {
  const read = disk({ "/proc/self/cgroup": "0::/\n", "/proc/self/mountinfo": KUBELET });
  const found = detectResource(new EnvReader({ KUBERNETES_SERVICE_HOST: "10.0.0.1" }), FACTS, read);
  expect(found).toMatchObject({ "k8s.pod.uid": UID, "k8s.container.name": "web" });
});
