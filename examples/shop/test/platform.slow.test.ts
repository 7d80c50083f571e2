import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type DeployEvent, deployerApp } from "../dist/deployer/app.js";
import { Platform, type ServiceState } from "../dist/deployer/platform.js";
import { postJson } from "../dist/service.js";

let platform: Platform;
let server: Server;
let url = "";
const events: DeployEvent[] = [];
const everyPid = new Set<number>();

beforeAll(async () => {
  platform = await Platform.create();
  server = createServer(deployerApp(platform, (event) => events.push(event)));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  // Nobody listens there: the services must not mind.
  await platform.start({ TOCSIN_URL: "http://127.0.0.1:9" });
});

afterAll(async () => {
  await platform.close();
  server.close();
  for (const pid of everyPid) expect(isRunning(pid), `process ${pid} is left`).toBe(false);
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function state(name: string): ServiceState {
  const services = platform.state();
  for (const { pids } of services) for (const pid of pids) everyPid.add(pid);
  return services.find((service) => service.name === name)!;
}

async function post(
  path: string,
  body: object,
  key?: string,
): Promise<{ status: number; body: ServiceState }> {
  const init = postJson(body);
  const headers = { ...(init.headers as Record<string, string>), ...(key && { "idempotency-key": key }) };
  const response = await fetch(`${url}${path}`, { ...init, headers });
  return { status: response.status, body: (await response.json()) as ServiceState };
}

async function payAsGuest(): Promise<number> {
  const response = await fetch(`${state("gateway").url}/pay`, postJson({ cart: "1", customer: {} }));
  await response.arrayBuffer();
  return response.status;
}

test("a guest pays through gateway, checkout and payments", async () => {
  const response = await fetch(`${state("gateway").url}/pay`, postJson({ cart: "1", customer: {} }));
  expect(await response.json()).toEqual({ paid: true, currency: "EUR", amount: 4_200 });
});

test("1.42.0 fails for guests; a rollback really restarts 1.41.3, and once per key", async () => {
  const before = state("checkout").pids;
  expect(await post("/deploy", { service: "checkout", version: "1.42.0" })).toMatchObject({
    status: 200,
    body: { version: "1.42.0", previousVersion: "1.41.3", replicas: 1 },
  });
  expect(await payAsGuest()).toBe(500);
  const broken = state("checkout").pids;
  expect(broken).not.toEqual(before);
  const [one, other] = await Promise.all([
    post("/rollback", { service: "checkout" }, "key-1"),
    post("/rollback", { service: "checkout" }, "key-1"),
  ]);
  expect(one).toEqual(other);
  expect(one).toMatchObject({ status: 200, body: { version: "1.41.3", previousVersion: null } });
  expect(await payAsGuest()).toBe(200);
  expect(state("checkout").pids).not.toEqual(broken);
  expect(broken.filter(isRunning)).toEqual([]);
  expect(
    events
      .filter(({ phase }) => phase === "done")
      .map(({ what, version }) => `${what} ${version}`)
      .slice(-2),
  ).toEqual(["deploy 1.42.0", "rollback 1.41.3"]);
  expect(await post("/rollback", { service: "checkout" })).toMatchObject({ status: 409 });
});

test("a scale really starts and ends processes, and traffic goes on meanwhile", async () => {
  const answers: number[] = [];
  const paying = (async () => {
    for (let n = 0; n < 60; n++) answers.push(await payAsGuest());
  })();
  expect(
    (await post("/scale", { service: "checkout", replicas: 3 })).body.pids.filter(isRunning),
  ).toHaveLength(3);
  const three = state("checkout").pids;
  expect((await post("/scale", { service: "checkout", replicas: 1 })).body.pids).toEqual(three.slice(0, 1));
  await paying;
  expect(new Set(answers)).toEqual(new Set([200]));
  expect(three.filter(isRunning)).toEqual(three.slice(0, 1));
});

test.each([
  { path: "/scale", body: { service: "checkout", replicas: 6 }, status: 400 },
  { path: "/scale", body: { service: "checkout", replicas: 0 }, status: 400 },
  { path: "/rollback", body: { service: "nothing" }, status: 404 },
  { path: "/rollback", body: {}, status: 400 },
  { path: "/deploy", body: { service: "checkout", version: "../../x" }, status: 400 },
])("$path $body is refused with $status and changes nothing", async ({ path, body, status }) => {
  const before = platform.state();
  expect((await post(path, body)).status).toBe(status);
  expect(platform.state()).toEqual(before);
});
