import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";

/** A server from a Debian package, started for one test file on a free port. */
export interface Running {
  readonly url: string;
  close(): Promise<void>;
}

export const MARIADB = find(["/usr/sbin/mariadbd"]);
export const RABBITMQ = find(["/usr/lib/rabbitmq/bin/rabbitmq-server"]);
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

/** MariaDB, with a user `test` that needs no password. */
export async function startMariadb(): Promise<Running> {
  const dir = mkdtempSync(join(tmpdir(), "tocsin-mariadb-"));
  const data = join(dir, "data");
  const user = userInfo().username;
  const made = spawnSync("/usr/bin/mariadb-install-db", [
    `--datadir=${data}`,
    `--user=${user}`,
    "--auth-root-authentication-method=normal",
    "--skip-test-db",
  ]);
  if (made.status !== 0) throw new Error(`mariadb-install-db: ${made.stderr}`);
  const port = await freePort();
  const child = spawn(
    MARIADB ?? "",
    [
      "--no-defaults",
      `--datadir=${data}`,
      `--user=${user}`,
      `--port=${port}`,
      "--bind-address=127.0.0.1",
      `--socket=${join(dir, "socket")}`,
      `--pid-file=${join(dir, "pid")}`,
    ],
    { stdio: "ignore" },
  );
  await reachable(port);
  return {
    url: `mysql://root@127.0.0.1:${port}/mysql`,
    close: async () => {
      await end(child);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** RabbitMQ without its management, its Erlang node under a name of its own and not spread over the network. */
export async function startRabbitmq(): Promise<Running> {
  const dir = mkdtempSync(join(tmpdir(), "tocsin-rabbitmq-"));
  const port = await freePort();
  const mapperPort = String(await freePort());
  const child = spawn(RABBITMQ ?? "", [], {
    cwd: dir,
    env: {
      // Erlang's port mapper is a process of its own, which stays when RabbitMQ goes.
      ERL_EPMD_PORT: mapperPort,
      ERL_EPMD_ADDRESS: "127.0.0.1",
      PATH: process.env.PATH,
      HOME: dir,
      RABBITMQ_NODENAME: `tocsin-${port}@localhost`,
      RABBITMQ_NODE_IP_ADDRESS: "127.0.0.1",
      RABBITMQ_NODE_PORT: String(port),
      RABBITMQ_DIST_PORT: String(await freePort()),
      RABBITMQ_MNESIA_BASE: join(dir, "mnesia"),
      RABBITMQ_LOG_BASE: join(dir, "log"),
      RABBITMQ_ENABLED_PLUGINS_FILE: join(dir, "plugins"),
      RABBITMQ_CONF_ENV_FILE: "/dev/null",
    },
    stdio: "ignore",
  });
  await reachable(port);
  return {
    url: `amqp://guest:guest@127.0.0.1:${port}`,
    close: async () => {
      await end(child);
      spawnSync("/usr/bin/epmd", ["-port", mapperPort, "-kill"]);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** Waits until the port takes connections. */
async function reachable(port: number): Promise<void> {
  for (let attempt = 0; attempt < 1200; attempt++) {
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
