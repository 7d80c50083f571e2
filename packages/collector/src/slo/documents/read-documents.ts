import { nearestName } from "@tocsin/model";
import { type ConfigSource, type Problem, readYaml, sortProblems } from "@tocsin/model/config";
import type { SloOrigin } from "../origin.js";
import type { SloSpec } from "../spec.js";
import { isOpenSlo, readOpenSlo } from "./openslo.js";
import type { ReadSlos } from "./read-slos.js";
import { isSloth, readSloth } from "./sloth.js";

/**
 * Reads SLO files of other programs: OpenSLO (`openslo/v1`, and `openslo/v1alpha` as Sloth has it) and Sloth
 * (`prometheus/v1`, plain or as a Kubernetes resource), any number of documents in each. References between OpenSLO
 * documents go across all of the files.
 */
export function readSloDocuments(sources: readonly ConfigSource[]): ReadSlos {
  const problems: Problem[] = [];
  const specs: SloSpec[] = [];
  const origins = new Map<SloSpec, SloOrigin>();
  const openSlo = [];
  for (const source of sources) {
    const { documents, problems: syntax } = readYaml(source);
    problems.push(...syntax);
    for (const document of documents) {
      if (document.value === undefined || document.value === null) continue;
      if (isOpenSlo(document.value)) openSlo.push(document);
      else if (isSloth(document.value)) {
        const read = readSloth(document);
        specs.push(...read.specs);
        problems.push(...read.problems);
        for (const [spec, origin] of read.origins) origins.set(spec, origin);
      } else {
        const { apiVersion, version } = document.value as Record<string, unknown>;
        const seen = apiVersion ?? version;
        const nearest = nearestName(String(seen), ["openslo/v1", "prometheus/v1", "sloth.slok.dev/v1"]);
        problems.push(
          document.problemAt([apiVersion === undefined ? "version" : "apiVersion"], {
            code: "slo/unknown-format",
            message:
              "This is neither an OpenSLO document (apiVersion: openslo/v1) nor one of Sloth (version: prometheus/v1).",
            hint: nearest ? `Did you mean "${nearest}"?` : undefined,
          }),
        );
      }
    }
  }
  const read = readOpenSlo(openSlo);
  return {
    specs: [...specs, ...read.specs],
    problems: sortProblems([...problems, ...read.problems]),
    origins: new Map([...origins, ...read.origins]),
  };
}
