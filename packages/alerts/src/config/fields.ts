import { messageOf } from "@tocsin/model";
import { Secret } from "@tocsin/model/config";
import { z } from "zod";
import { type Matcher, parseMatchers } from "../route/matcher.js";
import { templateFault } from "../template/fault.js";

/** A list of matchers, each entry in Alertmanager's syntax: `severity="page"`. */
export function matcherList() {
  return z
    .array(z.string())
    .transform((texts, context): Matcher[] =>
      texts.flatMap((text, index) => {
        try {
          return parseMatchers(text);
        } catch (error) {
          context.addIssue({ code: "custom", message: messageOf(error), path: [index], input: text });
          return [];
        }
      }),
    )
    .meta({ description: 'Matchers such as severity="page" or service=~"a|b"; all must hold.' });
}

/** A Go template with Alertmanager's data and functions. A syntax fault is reported with its place in the text. */
export function template(): z.ZodOptional<z.ZodString>;
export function template(fallback: string): z.ZodDefault<z.ZodString>;
export function template(fallback?: string): z.ZodOptional<z.ZodString> | z.ZodDefault<z.ZodString> {
  const checked = z.string().superRefine((text, context) => {
    const fault = templateFault(text);
    if (fault) context.addIssue({ code: "custom", message: fault });
  });
  return fallback === undefined ? checked.optional() : checked.default(fallback);
}

/** A Go template that must be there. */
export function requiredTemplate(message: string) {
  // A check on something optional is not made where it is missing, so what is missing counts as empty.
  return template("").refine((text) => text !== "", message);
}

/** An http(s) URL that is no secret. */
export function httpUrl() {
  return z.string().superRefine((text, context) => {
    const fault = urlFault(text);
    if (fault) context.addIssue({ code: "custom", message: fault });
  });
}

/** An http(s) URL that is a secret as a whole, as incoming webhooks are. It never prints. */
export function secretUrl() {
  return z
    .string()
    .superRefine((text, context) => {
      const fault = urlFault(text);
      // The text itself stays out of the message: it is the secret.
      if (fault) context.addIssue({ code: "custom", message: fault.replace(/^".*?" is/su, "This is") });
    })
    .transform((text) => new Secret(text))
    .meta({ description: "A secret http(s) URL; best given as ${NAME} or by the _file form." });
}

function urlFault(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && (url.protocol === "http:" || url.protocol === "https:") && url.hostname !== "") return undefined;
  return `${JSON.stringify(text)} is not an http:// or https:// URL.`;
}

/** An empty secret counts as absent, as in Alertmanager. */
export function optionalSecret() {
  return z
    .string()
    .transform((text) => (text === "" ? undefined : new Secret(text)))
    .optional()
    .meta({ description: "A secret; best given as ${NAME} from the environment." });
}

/** Path of a file whose content is the secret; read anew for every notification, so it can be rotated. */
export function secretFile() {
  return z.string().min(1).optional().meta({ description: "File that holds the secret; read at every use." });
}

/** Reports when more than one of several ways to give the same thing is used. */
export function atMostOne<Config extends object>(...names: (keyof Config & string)[]) {
  return (config: Config, context: z.RefinementCtx): void => {
    const given = names.filter((name) => config[name] !== undefined);
    if (given.length < 2) return;
    context.addIssue({
      code: "custom",
      message: `at most one of ${names.join(" & ")} must be configured.`,
      path: [given[1] ?? ""],
      input: config,
    });
  };
}
