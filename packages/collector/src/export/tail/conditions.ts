import { RE2JS } from "re2js";
import type { OtlpValue, SpanColumns } from "../../otlp/columns.js";
import { ValueKind } from "../../otlp/columns.js";
import { attributeNumber, attributeOf, attributeText, textAt, wantedKeys } from "../../otlp/index.js";
import type { LeafConfig } from "./config.js";

/** A question about single spans; a trace has it when one of its spans does. */
export type ConditionConfig = Extract<
  LeafConfig,
  { type: "string_attribute" | "numeric_attribute" | "boolean_attribute" | "trace_state" }
>;

/** Texts remembered with their verdict, per regular expression. */
const MAX_TEXTS = 1_024;

interface AttributeCondition {
  readonly bit: number;
  readonly keyId: number;
  readonly key: string;
  readonly test: (kind: number, text: () => string, number: () => number) => boolean;
}

/** All conditions of a set of policies, asked in one go: the answer is a set of bits. */
export class SpanConditions {
  /** For decoding: the attributes that are asked about. */
  readonly keys: ReturnType<typeof wantedKeys>;
  readonly #attributes: readonly AttributeCondition[];
  readonly #traceStates: readonly { bit: number; test: (traceState: string) => boolean }[];
  readonly #bits = new Map<ConditionConfig, number>();

  /** @param conditions at most 31: each is a bit of an integer */
  constructor(conditions: readonly ConditionConfig[]) {
    const keys = conditions.flatMap((condition) =>
      condition.type === "trace_state" ? [] : [keyOf(condition)],
    );
    this.keys = wantedKeys([...new Set(keys)]);
    const attributes: AttributeCondition[] = [];
    const traceStates: { bit: number; test: (traceState: string) => boolean }[] = [];
    let bit = 1;
    for (const condition of conditions) {
      this.#bits.set(condition, bit);
      if (condition.type === "trace_state") traceStates.push({ bit, test: traceStateTest(condition) });
      else {
        const key = keyOf(condition);
        attributes.push({ bit, key, keyId: this.keys.keys.indexOf(key), test: attributeTest(condition) });
      }
      bit *= 2;
    }
    this.#attributes = attributes;
    this.#traceStates = traceStates;
  }

  /** The bit of a condition that was given to the constructor. */
  bitOf(condition: ConditionConfig): number {
    return this.#bits.get(condition) ?? 0;
  }

  /** The conditions that the resources of a request meet, by their index. */
  ofResources({ resources }: SpanColumns): number[] {
    return resources.map(({ attributes }) => {
      let bits = 0;
      for (const { key, value } of this.#attributes.length > 0 ? attributes : []) {
        for (const condition of this.#attributes) {
          if (
            condition.key === key &&
            condition.test(
              kindOf(value),
              () => String(value),
              () => Number(value),
            )
          ) {
            bits |= condition.bit;
          }
        }
      }
      return bits;
    });
  }

  /** The conditions that a span itself meets. */
  ofSpan(spans: SpanColumns, row: number): number {
    let bits = 0;
    const { attributes } = spans;
    for (const { bit, keyId, test } of this.#attributes) {
      const entry = attributeOf(attributes, row, keyId);
      if (entry < 0) continue;
      const kind = attributes.valueKind[entry];
      if (
        test(
          kind,
          () => attributeText(attributes, entry),
          () => attributeNumber(attributes, entry),
        )
      )
        bits |= bit;
    }
    const stateStart = spans.traceStateStart[row];
    if (this.#traceStates.length > 0 && stateStart > 0) {
      const traceState = textAt(spans.bytes, stateStart, spans.traceStateEnd[row]);
      for (const { bit, test } of this.#traceStates) if (test(traceState)) bits |= bit;
    }
    return bits;
  }
}

function keyOf(condition: Exclude<ConditionConfig, { type: "trace_state" }>): string {
  switch (condition.type) {
    case "string_attribute":
      return condition.string_attribute.key;
    case "numeric_attribute":
      return condition.numeric_attribute.key;
    case "boolean_attribute":
      return condition.boolean_attribute.key;
  }
}

function attributeTest(
  condition: Exclude<ConditionConfig, { type: "trace_state" }>,
): AttributeCondition["test"] {
  switch (condition.type) {
    case "string_attribute": {
      const { values, enabled_regex_matching } = condition.string_attribute;
      const matches = enabled_regex_matching ? matchesAny(values) : (text: string) => values.includes(text);
      return (kind, text) => isScalar(kind) && matches(text());
    }
    case "numeric_attribute": {
      const { min_value, max_value } = condition.numeric_attribute;
      return (kind, _, number) => {
        if (kind !== ValueKind.int && kind !== ValueKind.double) return false;
        const value = number();
        return value >= min_value && value <= max_value;
      };
    }
    case "boolean_attribute": {
      const { value } = condition.boolean_attribute;
      return (kind, _, number) => kind === ValueKind.bool && (number() === 1) === value;
    }
  }
}

/** Whether a part of a text matches one of the expressions; texts repeat, so verdicts are remembered. */
function matchesAny(expressions: readonly string[]): (text: string) => boolean {
  const regexes = expressions.map((expression) => RE2JS.compile(expression));
  const verdicts = new Map<string, boolean>();
  return (text) => {
    let verdict = verdicts.get(text);
    if (verdict === undefined) {
      verdict = regexes.some((regex) => regex.matcher(text).find());
      if (verdicts.size >= MAX_TEXTS) verdicts.clear();
      verdicts.set(text, verdict);
    }
    return verdict;
  };
}

function traceStateTest({
  trace_state: { key, values },
}: Extract<ConditionConfig, { type: "trace_state" }>): (traceState: string) => boolean {
  const members = new Set(values.map((value) => `${key}=${value}`));
  return (traceState) => traceState.split(",").some((member) => members.has(member.trim()));
}

function isScalar(kind: number): boolean {
  return (
    kind === ValueKind.string ||
    kind === ValueKind.int ||
    kind === ValueKind.double ||
    kind === ValueKind.bool
  );
}

function kindOf(value: OtlpValue): number {
  switch (typeof value) {
    case "string":
      return ValueKind.string;
    case "boolean":
      return ValueKind.bool;
    case "bigint":
      return ValueKind.int;
    case "number":
      return ValueKind.double;
    default:
      return ValueKind.empty;
  }
}
