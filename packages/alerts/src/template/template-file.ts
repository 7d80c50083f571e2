import { messageOf } from "@tocsin/model";
import type { ConfigSource, Problem } from "@tocsin/model/config";
import { parseTemplate } from "./syntax.js";

/** The syntax fault of a template file, if it has one, at its place. */
export function templateFileProblems(source: ConfigSource): Problem[] {
  try {
    parseTemplate(source.text);
    return [];
  } catch (error) {
    const [, line = "1", column = "1", message = messageOf(error)] =
      /^(\d+):(\d+) (.*)$/s.exec(messageOf(error)) ?? [];
    return [
      {
        file: source.file,
        line: Number(line),
        column: Number(column),
        length: 2,
        severity: "error",
        code: "template/syntax",
        message,
      },
    ];
  }
}
