import { expect, test } from "vitest";
import { z } from "zod";
import { duration, ratio, secret, size } from "./fields.js";
import { formatProblem, formatProblemLine } from "./problem.js";
import { readYaml } from "./source.js";
import { validate } from "./validate.js";

const Schema = z.strictObject({
  slos: z
    .array(z.strictObject({ name: z.string(), objective: ratio(), window: duration().optional() }))
    .optional(),
  limits: z.strictObject({ size: size() }).optional(),
  token: secret().optional(),
  mode: z.enum(["standalone", "sidecar"]).optional(),
  sli: z
    .discriminatedUnion("type", [
      z.strictObject({ type: z.literal("availability") }),
      z.strictObject({ type: z.literal("latency"), threshold: duration() }),
    ])
    .optional(),
});

function problemsOf(text: string, env?: Record<string, string>): string[] {
  const source = { file: "tocsin.yaml", text };
  const { documents, problems } = readYaml(source, env ? { env } : {});
  const found = [...problems];
  for (const document of documents) {
    const result = validate(Schema, document);
    if (!result.ok) found.push(...result.problems);
  }
  return found.map(formatProblemLine);
}

test.each([
  {
    name: "a wrong value is named with its place, what was seen and what to write",
    text: "slos:\n  - name: a\n    objective: 99.9\n",
    want: [
      'tocsin.yaml:3:16 slos[0].objective: 99.9 is not a ratio between 0 and 1. Write "99.9%" or 0.999.',
    ],
  },
  {
    name: "an unknown key is named with the nearest known one",
    text: "slos:\n  - name: a\n    objectiv: 99.9%\n    objective: 99%\n",
    want: ['tocsin.yaml:3:5 slos[0]: unknown key "objectiv". Did you mean "objective"?'],
  },
  {
    name: "all faults of a file come together",
    text: "limits: { size: big }\nslos:\n  - name: a\n    objective: 99%\n    window: soon\n",
    want: [
      'tocsin.yaml:5:13 slos[0].window: "soon" is not a duration. Write whole numbers with units from large to small, such as 30d, 1h30m or 500ms.',
      'tocsin.yaml:1:17 limits.size: "big" is not a size. Write 512MB, 2GiB or a number of bytes.',
    ],
  },
  {
    name: "a value that is none of a few is named with the nearest one",
    text: "mode: sidcar\nsli: { type: availabilty }\n",
    want: [
      'tocsin.yaml:1:7 mode: unknown value "sidcar"; one of standalone, sidecar. Did you mean "sidecar"?',
      'tocsin.yaml:2:14 sli.type: unknown value "availabilty"; one of availability, latency. Did you mean "availability"?',
    ],
  },
  {
    name: "a missing key is reported at its parent",
    text: "slos:\n  - objective: 99%\n",
    want: ["tocsin.yaml:2:5 slos[0].name: expected string, received undefined."],
  },
  {
    name: "a syntax fault keeps its place",
    text: "slos: [\n",
    want: [expect.stringContaining("tocsin.yaml:2:1 Flow sequence in block collection must be")],
  },
])("$name", ({ text, want }) => {
  expect(problemsOf(text)).toEqual(want);
});

test("variables come from the environment, with a default or a problem when missing", () => {
  expect(problemsOf("token: ${TOKEN}\n", { TOKEN: "x" })).toEqual([]);
  expect(problemsOf("token: ${TOKEN:-none}\n", {})).toEqual([]);
  expect(problemsOf("token: ${TOKEN}\n", {})).toEqual([
    "tocsin.yaml:1:8 The environment variable TOKEN is not set. Set it, or write ${TOKEN:-default}.",
  ]);
});

test("a secret does not print", () => {
  const { documents } = readYaml({ file: "f", text: "token: ${TOKEN}\n" }, { env: { TOKEN: "hunter2" } });
  const result = validate(Schema, documents[0]!);
  if (!result.ok) throw new Error("must be valid");
  expect(`${result.value.token} ${JSON.stringify(result.value)}`).not.toContain("hunter2");
  expect(result.value.token?.reveal()).toBe("hunter2");
});

test("the caret stands under the exact span, also inside a string", () => {
  const source = { file: "rules.yaml", text: "groups:\n  - expr: sum(rate(x[5m))\n" };
  const [document] = readYaml(source).documents;
  const problem = document!.problemWithin(["groups", 0, "expr"], 10, 1, {
    code: "promql/parse",
    message: 'unclosed "["',
  });
  expect(formatProblem(problem, source)).toBe(
    'rules.yaml:2:21 error[promql/parse] unclosed "["\n   2 |   - expr: sum(rate(x[5m))\n     |                     ^',
  );
});

test("an alias bomb is refused, not expanded", () => {
  const levels = ["a: &a [x,x,x,x,x,x,x,x,x]"];
  for (const [index, letter] of [..."bcdefg"].entries()) {
    const before = "abcdef"[index];
    levels.push(`${letter}: &${letter} [${Array(9).fill(`*${before}`).join(",")}]`);
  }
  expect(readYaml({ file: "f", text: levels.join("\n") }).problems[0]?.code).toBe("yaml/alias");
});
