import { PromQLError } from "../errors.js";
import { type Expression, walk } from "../syntax/ast.js";
import { functionSignature } from "../syntax/function-signatures.js";
import { placeOf } from "../syntax/place.js";

/** Optional parts of the language, named as Prometheus's feature flags; `all` turns every one on. */
export type Feature =
  | "all"
  | "promql-experimental-functions"
  | "promql-extended-range-selectors"
  | "promql-binop-fill-modifiers"
  | "promql-delayed-name-removal"
  | "use-start-timestamps";

/** Whether a feature is on. */
export function hasFeature(features: ReadonlySet<Feature>, feature: Feature): boolean {
  return features.has("all") || features.has(feature);
}

/** Refuses what needs a feature that is off. @throws {PromQLError} PROMQL_UNSUPPORTED naming the feature */
export function checkFeatures(query: string, expression: Expression, features: ReadonlySet<Feature>): void {
  const need = (feature: Feature, what: string, node: Expression) => {
    if (hasFeature(features, feature)) return;
    throw new PromQLError(
      "PROMQL_UNSUPPORTED",
      `${placeOf(query, node.range.from)}: ${what} is experimental. Turn on the feature "${feature}" to use it.`,
      { range: node.range },
    );
  };
  walk(expression, (node) => {
    if (node.kind === "call" && node.name === "start_timestamp") {
      need("use-start-timestamps", "function start_timestamp()", node);
    } else if (node.kind === "call" && functionSignature(node.name)?.experimental === true) {
      need("promql-experimental-functions", `function ${node.name}()`, node);
    } else if (node.kind === "aggregate" && (node.operator === "limitk" || node.operator === "limit_ratio")) {
      need("promql-experimental-functions", `aggregation ${node.operator}`, node);
    } else if (node.kind === "vector-selector" && node.mode !== undefined) {
      need("promql-extended-range-selectors", `modifier ${node.mode}`, node);
    } else if (
      node.kind === "binary" &&
      (node.matching?.fillLeft ?? node.matching?.fillRight) !== undefined
    ) {
      need("promql-binop-fill-modifiers", "fill modifier", node);
    }
  });
}
