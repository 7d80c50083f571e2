import { parseDuration, TocsinError } from "@tocsin/model";
import type { ConfigDocument, Problem } from "@tocsin/model/config";
import { z } from "zod";
import { compileSlo } from "../compile.js";
import { SloConfig } from "../config.js";
import { LONG_WINDOW_KEY, SETTINGS_KEY, SHORT_WINDOW_KEY } from "../convert/annotations.js";
import { toShortForm } from "../convert/short-form.js";
import type { SloSpec } from "../spec.js";
import { impliedShortMs, type WindowPair } from "../window-pair.js";
import type { Metadata } from "./openslo-schema.js";

/** An SLO of OpenSLO with what its annotation adds: fields of the short form that OpenSLO has none for. */
export function withSettings(
  spec: SloSpec,
  { annotations }: Metadata,
  document: ConfigDocument,
  problems: Problem[],
): SloSpec {
  const text = annotations[SETTINGS_KEY];
  if (text === undefined) return spec;
  const base = toShortForm(spec);
  const settings = readJson(text);
  const result = SloConfig.safeParse({
    ...base,
    ...settings,
    alerting: { ...(base.alerting as object), ...(settings?.alerting as object | undefined) },
  });
  if (settings !== undefined && result.success) return compileSlo(result.data, spec.place);
  problems.push(
    document.problemAt(["metadata", "annotations", SETTINGS_KEY], {
      code: "slo/settings",
      message: `This is not a part of an SLO in JSON${result.error ? `: ${z.prettifyError(result.error)}` : ""}.`,
      hint: "`tocsin slo convert --to openslo` writes this annotation; leave it out to do without.",
    }),
  );
  return spec;
}

/** The windows of a condition. OpenSLO has no short one; it follows from the long one unless an annotation tells it. */
export function windowsOf(
  metadata: Metadata | undefined,
  lookbackMs: number,
): Pick<WindowPair, "shortMs" | "longMs"> {
  const longMs = annotatedMs(metadata, LONG_WINDOW_KEY) ?? lookbackMs;
  return { longMs, shortMs: annotatedMs(metadata, SHORT_WINDOW_KEY) ?? impliedShortMs(longMs) };
}

function annotatedMs(metadata: Metadata | undefined, key: string): number | undefined {
  const text = metadata?.annotations[key];
  if (text === undefined) return undefined;
  try {
    return parseDuration(text) || undefined;
  } catch (error) {
    if (error instanceof TocsinError) return undefined;
    throw error;
  }
}

function readJson(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
