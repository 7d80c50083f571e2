import { type ConfigSource, type Problem, type ProblemText, readYaml } from "@tocsin/model/config";
import { parsable, queriesOf } from "../slo/lint.js";
import { problemIn, type SloOrigins } from "../slo/origin.js";

/** A PromQL query that a person wrote in some file. */
export interface WrittenQuery {
  /** Without placeholders, so that it can be parsed; characters stand where `problem` counts them. */
  readonly text: string;
  /** Whether the series may rightly be missing, as those of failures are while nothing failed. */
  readonly mayBeEmpty: boolean;
  /** A problem at part of the text. */
  problem(offset: number, length: number, text: ProblemText): Problem;
}

/** The queries of SLOs that are measured by PromQL. */
export function sloQueries(origins: SloOrigins): WrittenQuery[] {
  return [...origins].flatMap(([{ sli }, origin]) =>
    queriesOf(sli).map(([field, query]) => ({
      text: parsable(query),
      mayBeEmpty: field === "bad",
      problem: (offset, length, text) => problemIn(origin, ["sli", field], text, { offset, length }),
    })),
  );
}

/** The expressions of a Prometheus rule file, and the series that its recording rules make. */
export function ruleQueries(source: ConfigSource): { queries: WrittenQuery[]; recorded: string[] } {
  const recorded: string[] = [];
  const queries = readYaml(source).documents.flatMap((document) =>
    listAt(document.value, "groups").flatMap((group, groupIndex) =>
      listAt(group, "rules").flatMap((rule, ruleIndex): WrittenQuery[] => {
        const { record, expr } = Object(rule) as { record?: unknown; expr?: unknown };
        if (typeof record === "string") recorded.push(record);
        if (typeof expr !== "string") return [];
        const path = ["groups", groupIndex, "rules", ruleIndex, "expr"];
        return [
          {
            text: expr,
            mayBeEmpty: false,
            problem: (offset, length, text) => document.problemWithin(path, offset, length, text),
          },
        ];
      }),
    ),
  );
  return { queries, recorded };
}

function listAt(value: unknown, key: string): readonly unknown[] {
  const list = (Object(value) as Record<string, unknown>)[key];
  return Array.isArray(list) ? list : [];
}
