import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Labels, labelsKey } from "@tocsin/model";
import { ManualClock } from "@tocsin/model/testing";
import { createMatcher, Engine, parse, type VectorSelector, walk } from "@tocsin/promql";
import { describe, expect, test } from "vitest";
import { parse as parseYaml } from "yaml";
import { Head } from "../src/head/index.js";

const NOW = 1_790_000_000_000;
const root =
  process.env.TOCSIN_CONFORMANCE ?? fileURLToPath(new URL("../../../../shared/conformance", import.meta.url));
const folder = `${root}/awesome-rules`;
const isThere = existsSync(folder);
if (!isThere) console.warn(`SKIPPED: there are no rules at ${folder}; set TOCSIN_CONFORMANCE.`);

interface RuleFile {
  groups?: { rules?: { expr?: string }[] | null }[] | null;
}

const files = isThere ? readdirSync(folder).filter((file) => /\.ya?ml$/.test(file)) : [];
const expressions = files.flatMap((file) => {
  const { groups } = parseYaml(readFileSync(`${folder}/${file}`, "utf8")) as RuleFile;
  return (groups ?? []).flatMap(({ rules }) =>
    (rules ?? []).flatMap(({ expr }) => (expr === undefined ? [] : [{ file, expr: String(expr) }])),
  );
});

function newHead() {
  return new Head(
    { retentionMs: 30 * 86_400_000, outOfOrderMs: 600_000, maxSeries: 100_000, maxLabels: 64 },
    { clock: new ManualClock(NOW) },
  );
}

/** A label set that a selector finds; undefined where its regexes leave no guess. */
function labelsFor({ name, matchers }: VectorSelector): Labels | undefined {
  const labels: Record<string, string> = { instance: "host:9100", job: "job" };
  if (name !== undefined) labels.__name__ = name;
  if (name?.endsWith("_bucket")) labels.le = "+Inf";
  for (const one of matchers) {
    if (one.operator === "=") labels[one.name] = one.value;
    else if (one.operator === "=~") {
      const [literal] = createMatcher(one.name, "=~", one.value).literals ?? [];
      labels[one.name] =
        literal ??
        one.value
          .replace(/\.[*+]/g, "x")
          .replace(/[\\^$()]/g, "")
          .split("|")[0];
    }
  }
  const fits = matchers.every((one) =>
    createMatcher(one.name, one.operator, one.value).matches(labels[one.name] ?? ""),
  );
  return fits && labels.__name__ !== undefined ? labels : undefined;
}

describe.skipIf(!isThere)("published alert rules", () => {
  test("there are many of them", () => {
    expect(expressions.length).toBeGreaterThan(400);
  });

  test("evaluate without an error when there is no data", async () => {
    const engine = new Engine().over(newHead());
    for (const { expr } of expressions) {
      const { samples } = (await engine.instantQuery(expr, NOW)) as { samples: readonly unknown[] };
      expect(samples, expr).toBeDefined();
    }
  });

  test("evaluate without an error on the series that they ask for", async () => {
    let found = 0;
    for (const { file, expr } of expressions) {
      const head = newHead();
      const seen = new Set<string>();
      walk(parse(expr), (node) => {
        if (node.kind !== "vector-selector") return;
        const labels = labelsFor(node);
        if (labels === undefined || seen.has(labelsKey(labels))) return;
        seen.add(labelsKey(labels));
        for (let step = 0; step <= 20; step++) {
          head.appendSamples([{ labels, timeMs: NOW - (20 - step) * 15_000, value: step * step }]);
        }
      });
      const result = await new Engine()
        .over(head)
        .instantQuery(expr, NOW)
        .catch((error: unknown) => expect.fail(`${file}: ${expr}\n${String(error)}`));
      if (seen.size > 0 && result.resultType === "vector") found += result.samples.length > 0 ? 1 : 0;
    }
    // Thresholds decide which of them hold; that a good part does shows that the data was read.
    expect(found).toBeGreaterThan(expressions.length / 5);
  });
});
