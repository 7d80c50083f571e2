// Makes the JavaScript of `dist`: the agent with the parts of OpenTelemetry that it is built on, in one file per purpose.
//
//   agent.cjs                 everything that a service loads at start
//   worker.cjs                the thread that delivers
//   on-demand/*.cjs           what few services use, loaded when it is: other exporters, propagators, library instrumentation
//   index.js, register.js     the entries, as ES modules
//   THIRD-PARTY-LICENSES.txt  whose code is in there, in which version and on what terms
//
// Why it is bundled and what stays outside: docs/adr/0004. Does nothing when nothing changed; `--force` does it anyway.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const dist = join(root, "dist");
const require = createRequire(join(root, "package.json"));

/** Libraries whose instrumentation the agent brings along; `src/libraries/contrib-list.ts` says what each is for. */
const INSTRUMENTATIONS = Array.from(
  readFileSync(join(root, "src/libraries/contrib-list.ts"), "utf8").matchAll(
    /\bentry\(\s*\[[^\]]*\],\s*"([^"]+)"/g,
  ),
  ([, name]) => name,
);

/** What a service may use itself and must then be the same for both. */
const SHARED = ["@opentelemetry/api", "pino", "prom-client", "yaml"];

/**
 * `NodeSDK` names every exporter there is, for services that give it none. The agent always does, so that none of them is
 * asked for; they are in `on-demand/exporters.cjs`.
 */
const sdkWithoutExporters = {
  name: "sdk-without-exporters",
  setup(builder) {
    const sdk = require.resolve("@opentelemetry/sdk-node/build/src/sdk.js");
    builder.onResolve({ filter: /^@opentelemetry\/sdk-node$/ }, () => ({ path: sdk }));
    builder.onResolve({ filter: /^@opentelemetry\/(exporter|propagator)-/ }, ({ path, importer }) =>
      dirname(importer) === dirname(sdk) ? { path, namespace: "left-out" } : undefined,
    );
    builder.onLoad({ filter: /.*/, namespace: "left-out" }, () => ({ contents: "" }));
  },
};

/**
 * OpenTelemetry's instrumentations would hook `require` and `import` themselves, once per library. The agent's own hook finds
 * the files and hands them over (`src/libraries/contrib.ts`), so theirs does nothing.
 */
const ownHookInstead = {
  name: "own-hook-instead",
  setup(builder) {
    builder.onResolve({ filter: /^(require|import)-in-the-middle$/ }, ({ path }) => ({
      path,
      namespace: "no-hook",
    }));
    builder.onLoad({ filter: /.*/, namespace: "no-hook" }, () => ({
      contents: "export class Hook { unhook() {} }",
    }));
  },
};

/** Where CommonJS requires a package that is ES modules too, only the names that it uses are taken from there. */
const usedNamesOnly = {
  name: "used-names-only",
  setup(builder) {
    builder.onResolve({ filter: /^@opentelemetry\// }, ({ path, importer, kind }) => {
      if (kind !== "require-call" || SHARED.includes(path)) return undefined;
      const names = namesUsed(readFileSync(importer, "utf8"), path);
      if (names === undefined) return undefined;
      return {
        path: `${path} for ${importer}`,
        namespace: "used-names",
        pluginData: { path, names, resolveDir: dirname(importer) },
      };
    });
    builder.onLoad(
      { filter: /.*/, namespace: "used-names" },
      ({ pluginData: { path, names, resolveDir } }) => ({
        contents: `export { ${names.join(", ")} } from ${JSON.stringify(path)};`,
        resolveDir,
      }),
    );
  },
};

/**
 * The properties read off what `require(path)` gave, by the form in which TypeScript compiles imports. Nothing where the
 * whole is used.
 */
function namesUsed(code, path) {
  const declaration = new RegExp(`(?:const|var) (\\w+) = require\\("${path}"\\)`, "g");
  const variables = Array.from(code.matchAll(declaration), ([, variable]) => variable);
  const uses = variables.flatMap((variable) =>
    Array.from(code.replace(declaration, "").matchAll(new RegExp(`\\b${variable}\\b(?:\\.(\\w+))?`, "g"))),
  );
  const names = new Set(uses.map(([, name]) => name));
  return variables.length === 0 || names.has(undefined) ? undefined : Array.from(names);
}

const stamp = join(dist, ".bundled");

/** Bundles unless nothing changed since the last time. Vitest calls it before the tests, which run what users get. */
export async function setup() {
  const fingerprint = fingerprintOf();
  const isFresh = existsSync(stamp) && readFileSync(stamp, "utf8") === fingerprint;
  if (isFresh && !process.argv.includes("--force")) return;
  await bundle();
  writeFileSync(stamp, fingerprint);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await setup();

async function bundle() {
  mkdirSync(dist, { recursive: true });
  rmSync(join(dist, "on-demand"), { recursive: true, force: true });
  const common = {
    absWorkingDir: root,
    outdir: dist,
    outExtension: { ".js": ".cjs" },
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node20.19",
    // The ES-module builds of packages are the ones from which unused code can be left out.
    mainFields: ["module", "main"],
    minifyWhitespace: true,
    minifySyntax: true,
    // Node prints the line that an uncaught error came from.
    lineLimit: 160,
    legalComments: "none",
    metafile: true,
    define: { "import.meta.url": "__fileUrl" },
    banner: { js: 'const __fileUrl = require("node:url").pathToFileURL(__filename).href;' },
    external: SHARED,
  };
  const results = await Promise.all([
    build({
      ...common,
      entryPoints: { agent: "src/main.ts" },
      plugins: [ownHookInstead, sdkWithoutExporters, usedNamesOnly],
    }),
    build({ ...common, entryPoints: { worker: "src/send/worker.ts" }, banner: {}, define: {} }),
    build({
      ...common,
      outdir: join(dist, "on-demand"),
      entryPoints: { exporters: "src/on-demand/exporters.ts" },
      inject: ["src/on-demand/quiet-timers.ts"],
      plugins: [usedNamesOnly],
    }),
    build({
      ...common,
      outdir: join(dist, "on-demand"),
      entryPoints: {
        propagators: "src/on-demand/propagators.ts",
        ...Object.fromEntries(
          INSTRUMENTATIONS.map((name) => [
            `instrumentation-${name}`,
            require.resolve(`@opentelemetry/instrumentation-${name}`),
          ]),
        ),
      },
      plugins: [ownHookInstead, usedNamesOnly],
    }),
  ]);
  writeEntries();
  writeLicences(results.flatMap(({ metafile }) => Object.keys(metafile.inputs)));
}

/**
 * The entries. `import` of a CommonJS file would first be searched for its exports, which takes longer than running it.
 * A bundler that takes them in leaves behind what they load: said by `register`, which must not fail the service, and thrown
 * by `index`, which has nothing else to offer.
 */
function writeEntries() {
  const { BUNDLED, startByImport: _, ...exported } = require(join(dist, "agent.cjs"));
  // By the whole module: webpack would take in what a named `createRequire` loads, Next.js's tracing follows both.
  const load = `import { existsSync } from "node:fs";
import module from "node:module";
const isWhole = Boolean(import.meta.url) && existsSync(new URL("./agent.cjs", import.meta.url));
const bundled = ${JSON.stringify(BUNDLED)};
`;
  const agent = 'module.createRequire(import.meta.url)("./agent.cjs")';
  writeFileSync(
    join(dist, "index.js"),
    `${load}if (!isWhole) throw new Error(bundled);
export const { ${Object.keys(exported).sort().join(", ")} } = ${agent};
`,
  );
  writeFileSync(
    join(dist, "register.js"),
    `${load}const isRunning = Symbol.for("tocsin.agent") in globalThis;
try {
  if (!isRunning && !isWhole) throw new Error(bundled);
  if (!isRunning) ${agent}.startByImport();
} catch (error) {
  const why = error.code === "MODULE_NOT_FOUND" ? bundled : error.message;
  process.stderr.write(\`tocsin: could not start, the service runs without it: \${why}\\n\`);
}
`,
  );
}

function writeLicences(inputs) {
  const packages = new Map();
  for (const input of inputs) {
    // Files that a plugin made up begin with its name.
    if (/^[a-z-]{2,}:/.test(input)) continue;
    const folder = join(root, input).match(/^(.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+)[\\/]/)?.[1];
    if (folder === undefined || packages.has(folder)) continue;
    const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const texts = readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile() && /^(licen[cs]e|notice|copying)/i.test(entry.name))
      .map((entry) => entry.name);
    if (texts.length === 0) throw new Error(`${name} says nowhere on what terms it may be passed on`);
    packages.set(folder, {
      title: `${name} ${version} (${license})`,
      text: texts.map((file) => readFileSync(join(folder, file), "utf8").trim()).join("\n\n"),
    });
  }
  // Many packages come with one text; it is printed once below all that it is for.
  const byText = new Map();
  for (const { title, text } of packages.values()) byText.set(text, [...(byText.get(text) ?? []), title]);
  const parts = Array.from(byText, ([text, titles]) => `${titles.sort().join("\n")}\n\n${text}`);
  const rule = `\n\n${"=".repeat(80)}\n\n`;
  writeFileSync(
    join(dist, "THIRD-PARTY-LICENSES.txt"),
    `${["The files of this package contain code of these packages, unchanged but for what is left out of them.", ...parts].join(rule)}\n`,
  );
}

/** Of everything that goes in: sources, this script, and the versions of what is installed. */
function fingerprintOf() {
  const hash = createHash("sha256");
  const lock = join(root, "..", "..", "node_modules", ".package-lock.json");
  const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
    .map((file) => join(root, "src", file));
  for (const file of [fileURLToPath(import.meta.url), lock, ...sources.sort()]) {
    if (!existsSync(file)) continue;
    hash.update(relative(root, file).replaceAll(sep, "/"));
    hash.update(readFileSync(file));
  }
  return hash.digest("hex");
}
