import type { Labels } from "@tocsin/model";

/** Order of label sets as in Prometheus's results: names and values in turn, bytewise, fewer labels first. */
export function compareLabels(a: Labels, b: Labels): number {
  const left = Object.keys(a).sort(compareText);
  const right = Object.keys(b).sort(compareText);
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const x = left[i] ?? "";
    const y = right[i] ?? "";
    const byName = compareText(x, y);
    if (byName !== 0) return byName;
    const byValue = compareText(a[x] ?? "", b[y] ?? "");
    if (byValue !== 0) return byValue;
  }
  return left.length - right.length;
}

/** Order by UTF-8 bytes; UTF-16 order differs only where surrogates meet other high code units. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    const xIsSurrogate = x >= 0xd800 && x <= 0xdfff;
    const yIsSurrogate = y >= 0xd800 && y <= 0xdfff;
    if (xIsSurrogate !== yIsSurrogate) return xIsSurrogate ? 1 : -1;
    return x - y;
  }
  return a.length - b.length;
}
