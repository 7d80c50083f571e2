import type { Clock, Labels } from "@tocsin/model";
import { formatFloat, isStaleAt, SampleBuffer, type Storage } from "@tocsin/promql";
import { type RequestHandler, Router } from "express";
import { ApiError } from "./answer.js";
import type { MetricsCatalogue } from "./catalogue.js";
import { Params } from "./params.js";
import { readSelectors } from "./selector.js";

export interface FederateDeps {
  readonly storage: Storage;
  readonly catalogue: MetricsCatalogue;
  readonly clock: Clock;
}

/** A series older than this is not there any more, as for an instant query. */
const LOOKBACK_MS = 300_000;

/**
 * `/federate`: the newest sample of every series that a `match[]` asks for, in the text format with times, for another
 * Prometheus to scrape. Native histograms have no text form and are left out.
 */
export function federateRoutes(deps: FederateDeps): Router {
  const router = Router();
  router.get("/federate", federate(deps));
  return router;
}

function federate({ storage, catalogue, clock }: FederateDeps): RequestHandler {
  return async (request, response) => {
    let text: string;
    try {
      const selectors = readSelectors(new Params(request).all("match[]"));
      const endMs = clock.now();
      const startMs = endMs - LOOKBACK_MS + 1;
      const querier = storage.querier(startMs, endMs);
      const lines = new Map<Labels, { name: string; line: string }>();
      const buffer = new SampleBuffer(8);
      const spell = /escaping=allow-utf-8/.test(request.headers.accept ?? "") ? asIs : underscored;
      for (const matchers of selectors) {
        for (const series of await querier.select(matchers, { startMs, endMs, latestOnly: true })) {
          buffer.clear();
          series.read(buffer);
          const last = buffer.length - 1;
          if (last < 0 || isStaleAt(buffer.bits, last) || buffer.histograms?.[last] !== undefined) continue;
          const line = sampleLine(series.labels, buffer.values[last], buffer.timestamps[last], spell);
          lines.set(series.labels, { name: series.labels.__name__ ?? "", line });
        }
      }
      querier.close?.();
      text = page([...lines.values()], catalogue, spell);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      response.status(400).type("text/plain").send(`${error.message}\n`);
      return;
    }
    response.setHeader("content-type", "text/plain; version=0.0.4; charset=utf-8");
    response.send(text);
  };
}

/** Families must stand together; a family is told by its type once. */
function page(
  lines: { name: string; line: string }[],
  catalogue: MetricsCatalogue,
  spell: (name: string) => string,
): string {
  const types = new Map<string, string>();
  for (const [name, [first]] of catalogue.metadata()) types.set(name, first?.type ?? "untyped");
  lines.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.line < b.line ? -1 : 1));
  let text = "";
  let current: string | undefined;
  for (const { name, line } of lines) {
    if (name !== current) {
      const type = types.get(name);
      // Parts of histograms and summaries come as plain series here; only what stands alone keeps its type.
      const shown = spell(name);
      text += `# TYPE ${isPlain(shown) ? shown : quoted(shown)} ${type === "counter" || type === "gauge" ? type : "untyped"}\n`;
      current = name;
    }
    text += line;
  }
  return text;
}

function sampleLine(
  { __name__: name = "", ...labels }: Labels,
  value: number,
  timeMs: number,
  spell: (name: string) => string,
): string {
  const shown = spell(name);
  const pairs = Object.keys(labels)
    .sort()
    .map((label) => {
      const written = spell(label);
      return `${isPlain(written) ? written : quoted(written)}=${quoted(labels[label])}`;
    });
  if (!isPlain(shown)) return `{${[quoted(shown), ...pairs].join(",")}} ${formatFloat(value)} ${timeMs}\n`;
  return `${shown}${pairs.length > 0 ? `{${pairs.join(",")}}` : ""} ${formatFloat(value)} ${timeMs}\n`;
}

/** Readers that do not say that they know UTF-8 names get names that everyone knows. */
function underscored(name: string): string {
  return isPlain(name) ? name : name.replace(/[^a-zA-Z0-9_:]/g, "_");
}

function asIs(name: string): string {
  return name;
}

function isPlain(name: string): boolean {
  return /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name);
}

function quoted(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;
}
