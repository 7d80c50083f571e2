import { expect, test } from "vitest";
import { EnvReader } from "../settings/env.js";
import { containerId, detectResource } from "./detect.js";
import { gitCommit, serviceIdentity } from "./service.js";

const FACTS = {
  pid: 7,
  argv: ["node", "/srv/app/dist/server.js"],
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
  { files: { "/srv/app/.git/HEAD": COMMIT }, want: "0123456789ab" },
  {
    files: { "/srv/.git/HEAD": "ref: refs/heads/main", "/srv/.git/refs/heads/main": `${COMMIT}\n` },
    want: "0123456789ab",
  },
  {
    files: { "/srv/.git/HEAD": "ref: refs/heads/main", "/srv/.git/packed-refs": `${COMMIT} refs/heads/main` },
    want: "0123456789ab",
  },
  { files: {}, want: undefined },
])("the commit is $want", ({ files, want }) => {
  expect(gitCommit("/srv/app", disk(files as Record<string, string>))).toBe(want);
});

test("a package without a version of its own has the commit's", () => {
  const read = disk({ "/srv/package.json": `{"name":"shop","version":"0.0.0"}`, "/srv/.git/HEAD": COMMIT });
  expect(serviceIdentity("/srv/app", read)).toEqual({ name: "shop", version: "0123456789ab" });
  expect(serviceIdentity("/", disk({}))).toEqual({ name: "unknown_service:node", version: undefined });
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

test("the container's id is found in cgroups of both versions", () => {
  const id = "a".repeat(64);
  expect(containerId(disk({ "/proc/self/cgroup": `1:name=systemd:/docker/${id}\n` }))).toBe(id);
  const mounts = `1 2 0:3 /var/lib/docker/containers/${id}/hostname /etc/hostname rw\n`;
  expect(containerId(disk({ "/proc/self/cgroup": "0::/", "/proc/self/mountinfo": mounts }))).toBe(id);
  expect(containerId(disk({}))).toBeUndefined();
});
