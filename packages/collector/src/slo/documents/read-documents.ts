import { nearestName } from "@tocsin/model";
import {
  type ConfigDocument,
  type ConfigSource,
  type Problem,
  readYaml,
  sortProblems,
} from "@tocsin/model/config";
import { isOpenSlo, readOpenSlo } from "./openslo.js";
import type { ReadSlos } from "./read-slos.js";
import { isSloth, readSloth } from "./sloth.js";
import { DEFAULT_WINDOWS, isAlertWindows, readAlertWindows, type SlothWindows } from "./sloth-windows.js";

/**
 * Reads SLO files of other programs: OpenSLO (`openslo/v1`, and `openslo/v1alpha` as Sloth has it) and Sloth
 * (`prometheus/v1`, plain or as a Kubernetes resource, with its `AlertWindows`), any number of documents in each and in
 * any order. References between documents go across all of the files.
 */
export function readSloDocuments(sources: readonly ConfigSource[]): ReadSlos {
  const problems: Problem[] = [];
  const openSlo: ConfigDocument[] = [];
  const sloth: ConfigDocument[] = [];
  const alertWindows: ConfigDocument[] = [];
  for (const source of sources) {
    const { documents, problems: syntax } = readYaml(source);
    problems.push(...syntax);
    for (const document of documents) {
      const { value } = document;
      if (value === undefined || value === null) continue;
      if (isOpenSlo(value)) openSlo.push(document);
      else if (isAlertWindows(value)) alertWindows.push(document);
      else if (isSloth(value)) sloth.push(document);
      else problems.push(unknownFormat(document));
    }
  }
  const windows = chooseWindows(alertWindows, problems);
  const read = [...sloth.map((document) => readSloth(document, windows)), readOpenSlo(openSlo)];
  return {
    specs: read.flatMap(({ specs }) => specs),
    problems: sortProblems([...problems, ...read.flatMap((each) => each.problems)]),
    origins: new Map(read.flatMap(({ origins }) => [...origins])),
  };
}

/** The alert windows that Sloth's SLOs have: those of the files, else Sloth's own. Two periods leave no choice to make. */
function chooseWindows(documents: readonly ConfigDocument[], problems: Problem[]): SlothWindows {
  let chosen: SlothWindows | undefined;
  for (const document of documents) {
    const read = readAlertWindows(document);
    problems.push(...read.problems);
    if (chosen && read.windows) {
      problems.push(
        document.problemAt(["spec", "sloPeriod"], {
          code: "slo/second-windows",
          message: "These are the second AlertWindows of these files, and an SLO can have only one.",
          hint: "Read the files of one period at a time.",
        }),
      );
    } else chosen = read.windows;
  }
  return chosen ?? DEFAULT_WINDOWS;
}

function unknownFormat(document: ConfigDocument): Problem {
  const { apiVersion, version } = Object(document.value) as Readonly<Record<string, unknown>>;
  const seen = apiVersion ?? version;
  const nearest = nearestName(String(seen), ["openslo/v1", "prometheus/v1", "sloth.slok.dev/v1"]);
  return document.problemAt([apiVersion === undefined ? "version" : "apiVersion"], {
    code: "slo/unknown-format",
    message:
      "This is neither an OpenSLO document (apiVersion: openslo/v1) nor one of Sloth (version: prometheus/v1).",
    hint: nearest ? `Did you mean "${nearest}"?` : undefined,
  });
}
