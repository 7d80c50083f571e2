/** What is certain of the labels of an expression's series, whatever data there is. `__name__` is left out. */
export interface LabelFacts {
  /** Open: every label may be there but these. Closed: only these may be there. */
  readonly isOpen: boolean;
  readonly names: ReadonlySet<string>;
  /** Labels with one value only, never empty. */
  readonly known: ReadonlyMap<string, string>;
  /** Labels that every series has. */
  readonly present: ReadonlySet<string>;
}

const NOTHING: ReadonlyMap<string, string> = new Map();

export const NO_LABELS: LabelFacts = { isOpen: false, names: new Set(), known: NOTHING, present: new Set() };
export const ANY_LABELS: LabelFacts = { isOpen: true, names: new Set(), known: NOTHING, present: new Set() };

export function canHave({ isOpen, names }: LabelFacts, name: string): boolean {
  return isOpen !== names.has(name);
}

/** Only these labels are left. */
export function keepOnly(facts: LabelFacts, labels: readonly string[]): LabelFacts {
  const names = new Set(labels.filter((name) => canHave(facts, name)));
  return { isOpen: false, names, ...restrict(facts, (name) => names.has(name)) };
}

/** These labels are gone. */
export function drop(facts: LabelFacts, labels: readonly string[]): LabelFacts {
  const gone = new Set(labels);
  const names = facts.isOpen
    ? new Set([...facts.names, ...labels])
    : new Set([...facts.names].filter((name) => !gone.has(name)));
  return { isOpen: facts.isOpen, names, ...restrict(facts, (name) => !gone.has(name)) };
}

/** A label that may be there from now on, with any value. */
export function withUnknown(facts: LabelFacts, name: string): LabelFacts {
  const names = new Set(facts.names);
  if (facts.isOpen) names.delete(name);
  else names.add(name);
  return { isOpen: facts.isOpen, names, ...restrict(facts, (each) => each !== name) };
}

/** Series of the one or of the other. */
export function eitherOf(a: LabelFacts, b: LabelFacts): LabelFacts {
  const known = new Map([...a.known].filter(([name, value]) => b.known.get(name) === value));
  const present = new Set([...a.present].filter((name) => b.present.has(name)));
  if (!a.isOpen && !b.isOpen)
    return { isOpen: false, names: new Set([...a.names, ...b.names]), known, present };
  const [open, other] = a.isOpen ? [a, b] : [b, a];
  const names = new Set([...open.names].filter((name) => !canHave(other, name)));
  return { isOpen: true, names, known, present };
}

/** Series that are on both sides with the same values. */
export function bothOf(a: LabelFacts, b: LabelFacts): LabelFacts {
  const known = new Map([...a.known, ...b.known]);
  const present = new Set([...a.present, ...b.present]);
  if (a.isOpen && b.isOpen) return { isOpen: true, names: new Set([...a.names, ...b.names]), known, present };
  const [closed, other] = a.isOpen ? [b, a] : [a, b];
  const names = new Set([...closed.names].filter((name) => canHave(other, name)));
  return { isOpen: false, names, known, present };
}

/** A label on which two sides can never agree, with what each has; undefined where they may. */
export function disagreement(
  left: LabelFacts,
  right: LabelFacts,
  { isOn, labels }: { readonly isOn: boolean; readonly labels: readonly string[] },
): { readonly name: string; readonly left: string; readonly right: string } | undefined {
  const all = [...left.known.keys(), ...left.present, ...right.known.keys(), ...right.present];
  const names = isOn ? labels : [...new Set(all)].filter((name) => !labels.includes(name));
  for (const name of names) {
    const [a, b] = [certainValue(left, name), certainValue(right, name)];
    const differ = a !== undefined && b !== undefined && a !== b;
    if (differ || (a === "" && right.present.has(name)) || (b === "" && left.present.has(name)))
      return { name, left: inWords(left, name), right: inWords(right, name) };
  }
  return undefined;
}

function certainValue(facts: LabelFacts, name: string): string | undefined {
  return facts.known.get(name) ?? (canHave(facts, name) ? undefined : "");
}

function inWords(facts: LabelFacts, name: string): string {
  const value = certainValue(facts, name);
  return value === undefined ? "always one" : value === "" ? "never one" : JSON.stringify(value);
}

function restrict(
  { known, present }: LabelFacts,
  isKept: (name: string) => boolean,
): Pick<LabelFacts, "known" | "present"> {
  return {
    known: new Map([...known].filter(([name]) => isKept(name))),
    present: new Set([...present].filter(isKept)),
  };
}
