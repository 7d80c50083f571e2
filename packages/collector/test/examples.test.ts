// The examples beside the shop are only files; what can be held against the real readers is.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { check } from "../src/cli/check.js";
import type { Command } from "../src/cli/command.js";
import { test as testRules } from "../src/cli/test.js";

const examples = fileURLToPath(new URL("../../../examples", import.meta.url));
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tocsin-examples-"));
});
afterEach(() => rm(folder, { recursive: true }));

/** What the command said, and how it ended, with every variable that the examples read. */
async function run(command: Command, files: readonly string[]): Promise<{ code: number; said: string }> {
  let said = "";
  const say = (text: string): void => {
    said += text;
  };
  const env = { TOCSIN_WRITE_TOKEN: "write-1", TOCSIN_ACT_TOKEN: "act-1", POD_NAME: "checkout-1" };
  const rest = { isTerminal: false, signal: new AbortController().signal, onReload: () => {} };
  const code = await command.run(files, { env, cwd: examples, out: say, err: say, ...rest });
  return { code, said };
}

/** The documents of a YAML file, as far as these tests look at them. */
interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly rules?: readonly { resources: string[]; verbs: string[] }[];
}

async function manifests(file: string): Promise<Manifest[]> {
  const documents = parseAllDocuments(await readFile(join(examples, file), "utf8"));
  return documents.map((document) => {
    expect(document.errors).toEqual([]);
    return document.toJS() as Manifest;
  });
}

test.each([
  "slos/tocsin.yaml",
  "slos/openslo.yaml",
  "slos/sloth.yaml",
  "rules/tocsin.yaml",
  "rules/cart.rules.yml",
  "rules/cart.test.yml",
  "rules/alertmanager.yml",
  "compose/tocsin.yaml",
])("%s has no fault", async (file) => {
  const { code, said } = await run(check, [file]);
  expect(said).toMatch(/^0 errors, 0 warnings/);
  expect(code).toBe(0);
});

test("the tests of the example's rules pass, and fail for rules that are different", async () => {
  expect(await run(testRules, ["rules/cart.test.yml"])).toMatchObject({ code: 0 });
  for (const name of ["cart.test.yml", "alertmanager.yml", "cart.rules.yml"]) {
    const text = await readFile(join(examples, "rules", name), "utf8");
    await writeFile(join(folder, name), text.replace("> 0.05", "> 0.5"));
  }
  expect(await run(testRules, [join(folder, "cart.test.yml")])).toMatchObject({ code: 1 });
});

test.each(["kubernetes/checkout.yaml", "kubernetes/gateway.yaml"])(
  "the configuration in %s has no fault",
  async (file) => {
    const map = (await manifests(file)).find(({ kind }) => kind === "ConfigMap");
    await writeFile(join(folder, "tocsin.yaml"), map?.data?.["tocsin.yaml"] ?? "");
    const { code, said } = await run(check, [join(folder, "tocsin.yaml")]);
    expect(said).toMatch(/^0 errors, 0 warnings/);
    expect(code).toBe(0);
  },
);

test("the manifests are what the README says, and the Role gives no more than get, list and patch", async () => {
  const kinds = async (file: string) => (await manifests(file)).map(({ kind }) => kind);
  expect(await kinds("kubernetes/checkout.yaml")).toEqual(["Deployment", "ConfigMap"]);
  expect(await kinds("kubernetes/gateway.yaml")).toEqual([
    "ConfigMap",
    "PersistentVolumeClaim",
    "Deployment",
    "Service",
  ]);
  const rbac = await manifests("kubernetes/rbac.yaml");
  expect(rbac.map(({ kind }) => kind)).toEqual(["ServiceAccount", "Role", "RoleBinding"]);
  expect(rbac.flatMap(({ rules = [] }) => rules.map(({ resources, verbs }) => [resources, verbs]))).toEqual([
    [["deployments"], ["get", "patch"]],
    [["replicasets"], ["get", "list"]],
    [["deployments/scale"], ["get", "patch"]],
  ]);
});

test("the Compose file is YAML and names the files beside it", async () => {
  const [compose] = await manifests("compose/compose.yaml");
  expect(Object.keys((compose as unknown as { services: object }).services)).toEqual(["tocsin", "app"]);
  await expect(readFile(join(examples, "compose/Dockerfile"), "utf8")).resolves.toContain("ENTRYPOINT");
});
