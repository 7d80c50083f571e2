// Runs every check, each to its end even when an earlier one failed, and closes with `N passed, N failed`.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { failuresIn } from "./failures.mjs";
import { root } from "./prepare.mjs";

const scratch = mkdtempSync(join(tmpdir(), "tocsin-ci-"));
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
let passed = 0;
let failed = 0;
/** What failed and why in short: told again at the end, where a reader of a long log looks first. */
const failures = [];

// The README's test command; it installs and builds first.
tests("fast tests", "npm", ["test", "--", ...reporters("fast")], "fast");
check("lint", "npx", ["biome", "check", "--diagnostic-level=warn", "."]);
check("types", "npx", ["tsc", "-p", "tsconfig.tests.json"]);
check("unused code", "npx", ["knip"]);
check("duplicate dependencies", "node", ["scripts/duplicate-dependencies.mjs"]);
check("reference pages", "node", ["scripts/reference.mjs", "--check"]);
check("package contents", "node", ["scripts/publint.mjs"]);
audit();
tests("slow tests", "npx", ["vitest", "run", "-c", "vitest.slow.config.ts", ...reporters("slow")], "slow");
// Scripts of their own, at the size that fits a check; run them without arguments for the full size.
for (const [script, args] of [
  ["fuzz", ["--count", "20000"]],
  ["faults", ["--rounds", "5"]],
  ["faults:alerts", ["--rounds", "10"]],
]) {
  if (manifest.scripts[script]) check(script, "npm", ["run", "--silent", script, "--", ...args]);
}
check("the main job", "npm", ["start", "--", "--once"]);

rmSync(scratch, { recursive: true, force: true });
if (failures.length > 0) console.log(`\nWhat failed:\n${failures.join("\n")}\n`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

/** One command; it counts as one check. */
function check(name, command, args) {
  const { ok, seconds } = runStep(name, command, args);
  if (ok) passed++;
  else failed++;
  if (!ok) failures.push(`✗ ${name}: its output is above`);
  console.log(`${ok ? "✓" : "✗"} ${name} (${seconds} s)`);
}

/** A run of vitest; every test counts, and a run that broke before its tests counts as one failure. */
function tests(name, command, args, report) {
  const { ok, seconds } = runStep(name, command, args);
  const file = join(scratch, `${report}.json`);
  const result = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined;
  passed += result?.numPassedTests ?? 0;
  failed += ok ? 0 : Math.max(1, result?.numFailedTests ?? 0);
  if (!ok) failures.push(...failuresIn(name, result));
  console.log(`${ok ? "✓" : "✗"} ${name}: ${result?.numPassedTests ?? 0} passed (${seconds} s)`);
}

function reporters(report) {
  return ["--reporter=default", "--reporter=json", `--outputFile.json=${join(scratch, `${report}.json`)}`];
}

/** Known weaknesses of what users install, and of what is bundled into it, where the registry answers such questions. */
function audit() {
  const installed = auditReport("--omit=dev");
  const all = auditReport();
  if (!installed || !all) return console.log("- npm audit: skipped, the registry does not answer it here");
  const bundled = bundledNames();
  const serious = Object.values({
    ...installed,
    ...Object.fromEntries(Object.entries(all).filter(([name]) => bundled.has(name))),
  }).filter(({ severity }) => severity === "high" || severity === "critical");
  const names = serious.map(({ name }) => name).join(", ");
  if (serious.length === 0) passed++;
  else failed++;
  if (serious.length > 0) failures.push(`✗ npm audit: ${names}`);
  console.log(`${serious.length === 0 ? "✓" : "✗"} npm audit: ${serious.length} serious ${names}`);
}

/** npm's findings by package; nothing where the registry does not answer. */
function auditReport(...flags) {
  const { stdout } = spawnSync("npm", ["audit", ...flags, "--json"], {
    cwd: root,
    encoding: "utf8",
    timeout: 60_000,
  });
  const report = parse(stdout);
  return report?.metadata?.vulnerabilities === undefined ? undefined : report.vulnerabilities;
}

/** Packages whose code is inside the agent's; they are its devDependencies, but users run them. */
function bundledNames() {
  const licences = readFileSync(join(root, "packages", "agent", "dist", "THIRD-PARTY-LICENSES.txt"), "utf8");
  return new Set(Array.from(licences.matchAll(/^(\S+) \d+\.\d+\.\S+ \(.*\)$/gm), ([, name]) => name));
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function runStep(name, command, args) {
  console.log(`\n── ${name}`);
  const started = Date.now();
  const { status } = spawnSync(command, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  return { ok: status === 0, seconds: Math.round((Date.now() - started) / 1000) };
}
