import { messageOf } from "@tocsin/model";
import { parseTemplate } from "./syntax.js";

/** What is wrong with a template's syntax, beginning with `line:column`; undefined when it parses. */
export function templateFault(text: string): string | undefined {
  if (!text.includes("{{")) return undefined;
  try {
    parseTemplate(text);
    return undefined;
  } catch (error) {
    return `the template has a fault at ${messageOf(error)}`;
  }
}
