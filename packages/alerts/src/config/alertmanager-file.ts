import { type ConfigSource, type Problem, readYaml, validate } from "@tocsin/model/config";
import { AlertingConfig } from "./alerting-config.js";
import { asGoReadsIt } from "./go-yaml.js";
import { alertingWarnings } from "./unused.js";

/** A checked configuration with everything worth saying about it. */
export interface ReadAlerting {
  /** Undefined when there is an error among the problems. */
  readonly config: AlertingConfig | undefined;
  readonly problems: readonly Problem[];
}

/**
 * Reads a whole `alertmanager.yml`. Variables are not replaced, as Alertmanager does not: `$` is common in templates.
 */
export function readAlertmanagerFile(source: ConfigSource): ReadAlerting {
  const { documents, problems } = readYaml(source);
  const written = documents[0];
  const document = written && { ...written, value: asGoReadsIt(written.value) };
  if (!document) {
    if (problems.length === 0)
      problems.push({
        file: source.file,
        line: 1,
        column: 1,
        length: 1,
        severity: "error",
        code: "config/empty",
        message: "the file is empty.",
      });
    return { config: undefined, problems };
  }
  const value = document.value as { route?: unknown } | undefined;
  if (value?.route === undefined || value.route === null) {
    problems.push(document.problemAt([], { code: "config/invalid", message: "there is no route." }));
    return { config: undefined, problems };
  }
  const checked = validate(AlertingConfig, document);
  if (!checked.ok) return { config: undefined, problems: [...problems, ...checked.problems] };
  const config = checked.value;
  return { config, problems: [...problems, ...alertingWarnings(config, document, [])] };
}
