import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { COMPARISONS, type Duration, type Expression, SET_OPERATORS, type VectorSelector } from "./ast.js";
import { format } from "./format.js";
import { parse } from "./parse.js";
import { print } from "./print.js";

const range = { from: 0, to: 0 };

/** The same but for places in the text; `bare` also takes parentheses away, which printing may have to add. */
function shape(node: unknown, bare: boolean): unknown {
  if (typeof node !== "object" || node === null) return node;
  if (Array.isArray(node)) return node.map((each) => shape(each, bare));
  const { range: _range, ...rest } = node as Record<string, unknown>;
  // Matchers are written in order; all of them hold, so their order says nothing.
  if (Array.isArray(rest.matchers))
    rest.matchers = rest.matchers.map((each) => JSON.stringify(shape(each, bare))).sort();
  if (bare && rest.kind === "paren") return shape(rest.expression ?? rest.operand, bare);
  return Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, shape(value, bare)]));
}

const label = fc.constantFrom("job", "instance", "le", "on", "by", "utf.8 name", 'quo"te');
const text = fc.oneof(fc.string(), fc.constantFrom("a|b", "x\ny", "\\d+", "ü", "`"));
const duration: fc.Arbitrary<Duration> = fc.letrec<{ duration: Duration }>((tie) => ({
  duration: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc
      .integer({ min: 1, max: 100_000 })
      .map((n): Duration => ({ kind: "number", value: n, isDuration: n % 2 === 0, range })),
    fc.constantFrom<Duration>({ kind: "step", range }, { kind: "range", range }),
    fc
      .tuple(fc.constantFrom("min_of" as const, "max_of" as const), tie("duration"), tie("duration"))
      .map(([kind, left, right]): Duration => ({ kind, left, right, range })),
    tie("duration").map((operand): Duration => ({ kind: "paren", operand, range })),
  ),
})).duration;
const positive = duration;

const selector: fc.Arbitrary<VectorSelector> = fc.record({
  kind: fc.constant("vector-selector" as const),
  name: fc.constantFrom("up", "http_requests_total", "sum", "fill", "a.b c", "offset", "job:rate:5m"),
  matchers: fc.array(
    fc.record({
      name: label,
      operator: fc.constantFrom("=" as const, "!=" as const),
      value: text,
      range: fc.constant(range),
    }),
    { maxLength: 2 },
  ),
  offset: fc.option(
    fc.oneof(
      duration,
      duration.map((operand): Duration => ({ kind: "unary", operator: "-", operand, range })),
    ),
    { nil: undefined },
  ),
  at: fc.option(
    fc.oneof(
      fc.constantFrom({ kind: "start" as const }, { kind: "end" as const }),
      fc.integer({ min: -1e9, max: 2e12 }).map((tMs) => ({ kind: "time" as const, tMs })),
    ),
    { nil: undefined },
  ),
  mode: fc.constant(undefined),
  range: fc.constant(range),
});

const number: fc.Arbitrary<Expression> = fc
  .oneof(fc.double(), fc.integer(), fc.constantFrom(Number.POSITIVE_INFINITY, Number.NaN, 0.1))
  .map((value) => ({ kind: "number", value, isDuration: false, range }));

interface Kinds {
  scalar: Expression;
  vector: Expression;
  matrix: Expression;
}

const OPERATORS = [
  "+",
  "-",
  "*",
  "/",
  "%",
  "^",
  "atan2",
  "==",
  "!=",
  ">",
  "<",
  ">=",
  "<=",
  "and",
  "or",
  "unless",
] as const;

/** What `tie` gives back, typed. */
const typed = (arbitrary: fc.Arbitrary<unknown>) => arbitrary as fc.Arbitrary<Expression>;

const { vector, scalar } = fc.letrec<Kinds>((tie) => ({
  scalar: fc.oneof(
    { depthSize: "small" },
    number,
    typed(tie("vector")).map((arg): Expression => ({ kind: "call", name: "scalar", args: [arg], range })),
    fc.tuple(fc.constantFrom(...OPERATORS.slice(0, 7)), typed(tie("scalar")), typed(tie("scalar"))).map(
      ([operator, left, right]): Expression => ({
        kind: "binary",
        operator,
        left,
        right,
        returnsBool: false,
        matching: undefined,
        range,
      }),
    ),
  ),
  matrix: fc.oneof(
    { depthSize: "small" },
    fc
      .tuple(selector, positive)
      .map(([inner, window]): Expression => ({ kind: "matrix-selector", selector: inner, window, range })),
    fc.tuple(typed(tie("vector")), positive, fc.option(positive, { nil: undefined })).map(
      ([expression, window, step]): Expression => ({
        kind: "subquery",
        expression,
        window,
        step,
        offset: undefined,
        at: undefined,
        range,
      }),
    ),
  ),
  vector: fc.oneof(
    { depthSize: "small" },
    selector,
    typed(tie("matrix")).map((arg): Expression => ({ kind: "call", name: "rate", args: [arg], range })),
    typed(tie("vector")).map((expression): Expression => ({ kind: "paren", expression, range })),
    fc
      .tuple(fc.constantFrom("+" as const, "-" as const), typed(tie("vector")))
      .map(([operator, expression]): Expression => ({ kind: "unary", operator, expression, range })),
    fc
      .tuple(
        fc.constantFrom("sum" as const, "avg" as const),
        typed(tie("vector")),
        fc.constantFrom("by" as const, "without" as const),
        fc.array(label, { maxLength: 2 }),
      )
      .map(
        ([operator, expression, kind, labels]): Expression => ({
          kind: "aggregate",
          operator,
          parameter: undefined,
          expression,
          grouping: { kind, labels },
          range,
        }),
      ),
    fc.tuple(typed(tie("scalar")), typed(tie("vector"))).map(
      ([parameter, expression]): Expression => ({
        kind: "aggregate",
        operator: "topk",
        parameter,
        expression,
        grouping: { kind: "by", labels: [] },
        range,
      }),
    ),
    fc
      .tuple(
        fc.constantFrom(...OPERATORS),
        fc.tuple(typed(tie("vector")), typed(tie("vector"))),
        fc.boolean(),
        fc.constantFrom("one-to-one", "many-to-one", "one-to-many", "none" as const),
        fc.boolean(),
      )
      .map(([operator, [left, right], bool, cardinality, isOn]): Expression => {
        const isSet = SET_OPERATORS.has(operator);
        const returnsBool = bool && COMPARISONS.has(operator);
        const plain = {
          labels: ["job"],
          isOn,
          include: cardinality === "many-to-one" && !isSet ? ["x"] : [],
          fillLeft: undefined,
          fillRight: bool && !isSet ? 1 : undefined,
        };
        if (isSet) {
          const matching = cardinality === "none" ? { ...plain, isOn: false, labels: [] } : plain;
          return {
            kind: "binary",
            operator,
            left,
            right,
            returnsBool: false,
            matching: { ...matching, cardinality: "many-to-many" },
            range,
          };
        }
        const matching =
          cardinality === "none" ? undefined : { ...plain, cardinality: cardinality as "one-to-one" };
        return { kind: "binary", operator, left, right, returnsBool, matching, range };
      }),
  ),
}));

describe("printing and parsing again gives the same expression", () => {
  test.each([
    ["one line", print],
    ["formatted", format],
  ])("%s", (_name, write) => {
    fc.assert(
      fc.property(fc.oneof(vector, scalar), (expression) => {
        const written = write(expression);
        const parsed = parse(written);
        expect(shape(parsed, true), written).toEqual(shape(expression, true));
        expect(shape(parse(write(parsed)), false), written).toEqual(shape(parsed, false));
      }),
      { numRuns: 400 },
    );
  });
});

test.each([
  ['sum by(job)(rate(foo{a="b"}[5m]offset 1h))', 'sum by (job) (rate(foo{a="b"}[5m] offset 1h))'],
  ["1+2*3", "1 + 2 * 3"],
  ["-1^2", "-1 ^ 2"],
  ["a/on(x)group_left(y)b", "a / on (x) group_left (y) b"],
  ["foo[5m:]", "foo[5m:]"],
  ["foo @ 10.5 offset -5m", "foo @ 10.500 offset -5m"],
  ['{"my metric","my label"="x"}', '{"my metric","my label"="x"}'],
  ['up{z="1", a!="2"}', 'up{a!="2",z="1"}'],
  ["x > 1000000 or x < 0.00001 or x == 123456", "x > 1e+06 or x < 1e-05 or x == 123456"],
  ["x + fill(0) y", "x + fill (0) y"],
  ["topk(3,up)", "topk(3, up)"],
])("%s is written as %s", (query, want) => {
  const written = print(parse(query));
  expect(written).toBe(want);
  expect(shape(parse(written), false)).toEqual(shape(parse(query), false));
});

test("a long expression gets one operand or argument per line", () => {
  const query =
    'histogram_quantile(0.99, sum by (le, job) (rate(http_request_duration_seconds_bucket{job="checkout", environment="production"}[5m]))) / on (job) group_left () sum by (job) (up)';
  expect(format(parse(query))).toBe(`  histogram_quantile(
    0.99,
    sum by (le, job) (
      rate(http_request_duration_seconds_bucket{environment="production",job="checkout"}[5m])
    )
  )
/ on (job) group_left ()
  sum by (job) (up)`);
});

test.each([
  ["foo + bar offset 5m * 2", "foo + ((bar offset 5m) * 2)"],
  ["foo or bar @ 10", "foo or (bar @ 10)"],
  ["-foo @ 10 ^ 2", "-((foo @ 10) ^ 2)"],
  ["-1 ^ 2", "-(1 ^ 2)"],
  ["a ^ -b * c", "(a ^ (-b)) * c"],
  ["a - b - c", "(a - b) - c"],
  ["a and b or c unless d", "(a and b) or (c unless d)"],
  ["a == b + c", "a == (b + c)"],
])("%s means %s", (query, meant) => {
  expect(shape(parse(query), true)).toEqual(shape(parse(meant), true));
});
