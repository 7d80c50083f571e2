import { nearestName } from "@tocsin/model";
import type { ConfigDocument, Path, Problem } from "@tocsin/model/config";
import type {
  AlertConditionSpec,
  AlertPolicySpec,
  Metadata,
  SliSpec,
  SloSpecification,
} from "./openslo-schema.js";

/** Something that other documents refer to. */
export interface Named<T> {
  readonly name: string;
  readonly spec: T;
  readonly document: ConfigDocument;
}

/** One SLO document. */
export interface SloEntry extends Named<SloSpecification> {
  readonly metadata: Metadata;
}

/** Everything that the documents of one reading define; references go across documents and files. */
export interface Catalogue {
  readonly slos: SloEntry[];
  readonly slis: Named<SliSpec>[];
  readonly dataSourceTypes: Named<string>[];
  readonly policies: Named<AlertPolicySpec>[];
  readonly conditions: (Named<AlertConditionSpec> & { readonly metadata: Metadata })[];
  /** By the name of the target: what kind of target it is, such as slack. */
  readonly targets: Named<string>[];
  readonly problems: Problem[];
}

/** The lists of a catalogue that documents refer to, and what their things are called. */
const KINDS = {
  slis: "SLI",
  dataSourceTypes: "DataSource",
  policies: "AlertPolicy",
  conditions: "AlertCondition",
  targets: "AlertNotificationTarget",
} as const;

type Referred<K extends keyof typeof KINDS> = Catalogue[K][number];

/**
 * What a reference leads to. Where it leads nowhere, that is an error beside others of its kind, which makes a slip
 * likely; where the files define none of the kind at all it lives elsewhere, and a warning tells what follows.
 *
 * @param otherwise what is done without it, such as "the default pairs are used"
 */
export function referred<K extends keyof typeof KINDS>(
  catalogue: Catalogue,
  list: K,
  name: string,
  place: { readonly document: ConfigDocument; readonly path: Path },
  otherwise: string,
): Referred<K> | undefined {
  const known: readonly Referred<K>[] = catalogue[list];
  const found = known.filter((each) => each.name === name);
  // Two teams may each have an "availability" in a file of their own; each means its own.
  const nearby = found.find(({ document }) => document.source.file === place.document.source.file);
  if (nearby ?? found[0]) return nearby ?? found[0];
  const kind = KINDS[list];
  const nearest = nearestName(
    name,
    known.map((each) => each.name),
  );
  const text =
    known.length > 0
      ? { message: `There is no ${kind} "${name}" in these files.`, severity: "error" as const }
      : {
          message: `The ${kind} "${name}" is in none of these files, so ${otherwise}.`,
          severity: "warning" as const,
        };
  const hint = nearest
    ? `Did you mean "${nearest}"?`
    : known.length > 0
      ? `Known here: ${known.map((each) => each.name).join(", ")}.`
      : `Read the file that defines it together with this one.`;
  catalogue.problems.push(
    place.document.problemAt(place.path, { code: "slo/unknown-reference", ...text, hint }),
  );
  return undefined;
}

/** Adds a thing to its list; a second one of the name in the same file is a fault, since references could mean either. */
export function define<T extends Named<unknown>>(
  list: T[],
  kind: string,
  thing: T,
  problems: Problem[],
): void {
  const { file } = thing.document.source;
  if (list.some(({ name, document }) => name === thing.name && document.source.file === file)) {
    problems.push(
      thing.document.problemAt(["metadata", "name"], {
        code: "slo/duplicate",
        message: `The ${kind} "${thing.name}" is defined twice.`,
      }),
    );
  } else list.push(thing);
}
