import { realpathSync } from "node:fs";

type Env = Readonly<Record<string, string | undefined>>;

/** What a process says of itself. */
export interface Started {
  /** The file that it was started with. */
  readonly script: string | undefined;
  readonly cwd: string;
  readonly env: Env;
}

/**
 * The service behind what a process was started with: PM2 starts a file of its own, which then puts on what belongs to the
 * service. In cluster mode that goes for the environment, too, which waits in one variable until then.
 */
export function serviceOf(started: Started): Started {
  const mode = PM2_WRAPPER.exec(started.script ?? "")?.[1];
  if (mode === undefined) return started;
  const env: Env = mode === "Fork" ? started.env : { ...started.env, ...handedOver(started.env.pm2_env) };
  return { script: env.pm_exec_path ?? started.script, cwd: env.pm_cwd ?? started.cwd, env };
}

/**
 * Whether this file only starts other processes: package managers and the like, which see the same `NODE_OPTIONS` as the
 * service, and would be further instances of it that serve nothing.
 */
export function isLauncher(script: string | undefined, realPath: (path: string) => string = real): boolean {
  if (script === undefined) return false;
  const path = realPath(script).replaceAll("\\", "/");
  return LAUNCHERS.test(path) && !PM2_WRAPPER.test(path);
}

const PM2_WRAPPER = /[\\/]node_modules[\\/]pm2[\\/]lib[\\/]ProcessContainer(Fork|)(?:Bun)?\.js$/;
/** By folder, and by name where a package manager is a file of its own, as yarn is in a repository. */
const LAUNCHERS = new RegExp(
  [
    "/node_modules/(?:npm|pnpm|corepack|yarn|nodemon|ts-node-dev|concurrently|cross-env|dotenv-cli|npm-run-all2?|pm2)/",
    "/node_modules/tsx/dist/cli\\.mjs$",
    "/(?:npm-cli|npx-cli)\\.js$",
    "/(?:yarn|pnpm|pnpx)(?:-[\\d.]+)?\\.[cm]?js$",
  ].join("|"),
);

function handedOver(text: string | undefined): Env {
  try {
    const all = JSON.parse(text ?? "{}") as Record<string, unknown>;
    return Object.fromEntries(Object.entries(all).map(([name, value]) => [name, String(value)]));
  } catch {
    return {};
  }
}

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
