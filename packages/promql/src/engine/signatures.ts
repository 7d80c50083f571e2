import type { Labels } from "@tocsin/model";
import type { VectorMatching } from "../syntax/ast.js";
import { keyOf, pick } from "./labels.js";

/** How rows of two vectors find each other: rows with equal keys match. */
export interface Signature {
  key(labels: Labels): string;
  /** The labels that make up the key. */
  pick(labels: Labels): Labels;
}

/** The signature that `on`/`ignoring` asks for; without either all labels but the name. */
export function signatureOf(matching: Pick<VectorMatching, "isOn" | "labels">): Signature {
  const listed = new Set(matching.labels);
  if (matching.isOn) {
    const names = [...listed].sort();
    return {
      key(labels) {
        let key = "";
        for (const name of names) key += `${labels[name] ?? ""}\u0000`;
        return key;
      },
      pick: (labels) => pick(labels, (name) => listed.has(name)),
    };
  }
  const passes = (name: string) => name !== "__name__" && !listed.has(name);
  return { key: (labels) => keyOf(labels, passes), pick: (labels) => pick(labels, passes) };
}

/** Rows by key, in order of their first row. */
export function rowsByKey(labels: readonly Labels[], signature: Signature): Map<string, number[]> {
  const byKey = new Map<string, number[]>();
  labels.forEach((each, row) => {
    const key = signature.key(each);
    const rows = byKey.get(key);
    if (rows === undefined) byKey.set(key, [row]);
    else rows.push(row);
  });
  return byKey;
}
