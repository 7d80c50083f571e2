import { basename } from "node:path";
import type { Attributes } from "@opentelemetry/api";
import { missedText, type Watched } from "./watched.js";

/** The first half of the line at start: who this is and what is watched, e.g. `checkout 1.42.0 (server.js) · watching http fetch express`. */
export function summaryOf(
  resource: Attributes,
  script: string | undefined,
  { patched, missed }: Pick<Watched, "patched" | "missed">,
): string {
  const version = resource["service.version"];
  const name = `${resource["service.name"]}${version === undefined ? "" : ` ${version}`}`;
  const parts = [
    script === undefined ? name : `${name} (${basename(script)}, pid ${resource["process.pid"]})`,
    `watching ${Array.from(patched).join(" ") || "nothing"}`,
    ...Array.from(missed, ([library, why]) => missedText(library, why)),
  ];
  return parts.join(" · ");
}
