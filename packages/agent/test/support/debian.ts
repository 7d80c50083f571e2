import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A server from a Debian package, started for one test file on a free port. */
export interface Running {
  readonly url: string;
  close(): Promise<void>;
}

export const REDIS = find(["/usr/bin/redis-server"]);
const POSTGRES_ROOT = "/usr/lib/postgresql";
export const POSTGRES = existsSync(POSTGRES_ROOT)
  ? find(readdirSync(POSTGRES_ROOT).map((version) => join(POSTGRES_ROOT, version, "bin")))
  : undefined;

function find(paths: readonly string[]): string | undefined {
  return paths.find((path) => existsSync(path));
}

export async function startRedis(): Promise<Running> {
  const port = await freePort();
  const child = spawn(
    REDIS ?? "",
    ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
    {
      stdio: "ignore",
    },
  );
  await reachable(port);
  return { url: `redis://127.0.0.1:${port}`, close: () => end(child) };
}

/** PostgreSQL refuses to run as root, so it runs as the user its package made. */
export async function startPostgres(): Promise<Running> {
  const bin = POSTGRES ?? "";
  const dir = mkdtempSync(join(tmpdir(), "tocsin-postgres-"));
  const isRoot = process.getuid?.() === 0;
  const uid = isRoot ? Number(spawnSync("id", ["-u", "postgres"]).stdout.toString()) : undefined;
  const gid = isRoot ? Number(spawnSync("id", ["-g", "postgres"]).stdout.toString()) : undefined;
  if (uid !== undefined && gid !== undefined) chownSync(dir, uid, gid);
  const as = { cwd: dir, ...(uid === undefined ? {} : { uid }), ...(gid === undefined ? {} : { gid }) };
  const made = spawnSync(
    join(bin, "initdb"),
    ["-D", join(dir, "data"), "-U", "test", "--auth=trust", "--no-sync"],
    as,
  );
  if (made.status !== 0) throw new Error(`initdb: ${made.stderr}`);
  const port = await freePort();
  const args = ["-D", join(dir, "data"), "-p", String(port), "-h", "127.0.0.1", "-k", dir, "-F"];
  const child = spawn(join(bin, "postgres"), args, { ...as, stdio: "ignore" });
  await reachable(port);
  return {
    url: `postgres://test@127.0.0.1:${port}/postgres`,
    close: async () => {
      await end(child, "SIGINT");
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** Waits until the port takes connections. */
async function reachable(port: number): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = createConnection(port, "127.0.0.1");
      socket.on("connect", () => {
        socket.destroy();
        resolve(true);
      });
      socket.on("error", () => setTimeout(() => resolve(false), 25));
    });
    if (isOpen) return;
  }
  throw new Error(`nothing listens on ${port}`);
}

function end(child: ChildProcess, signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
  return new Promise((resolve) => {
    child.on("close", () => resolve());
    child.kill(signal);
  });
}
