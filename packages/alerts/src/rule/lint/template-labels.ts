import {
  type Command,
  type NodeList,
  type Operand,
  type Pipe,
  parseTemplate,
  type TemplateNode,
} from "../../template/syntax.js";

/** A label that a template of a rule writes out. */
export interface LabelReference {
  readonly name: string;
  /** Offset in the text. */
  readonly at: number;
}

/**
 * The labels that a template writes out, as `{{ $labels.job }}`, `{{ .Labels.job }}` or `{{ index $labels "job" }}`. One that it
 * asks for in a condition is left out: whoever asks knows that it may be missing.
 *
 * @param variables those that are set before; a template that sets one of them anew is not read
 */
export function labelReferences(text: string, variables: readonly string[]): LabelReference[] {
  if (!text.includes("{{")) return [];
  const found: LabelReference[] = [];
  const asked = new Set<string>();
  try {
    visitAll(parseTemplate(text, variables).main, { found, asked, isRoot: true });
  } catch {
    // A template with a fault is told elsewhere; one that sets $labels anew means something else by it.
    return [];
  }
  return found.filter(({ name }) => !asked.has(name));
}

interface Visit {
  readonly found: LabelReference[];
  readonly asked: Set<string>;
  /** Whether dot is what the rule's template was given. */
  readonly isRoot: boolean;
}

class SetAnew extends Error {}

/** Functions that choose among what they are given. */
const CHOOSING: ReadonlySet<string> = new Set(["or", "and", "not", "eq", "ne"]);

function visitAll(nodes: NodeList, visit: Visit): void {
  for (const node of nodes) visitNode(node, visit);
}

function visitNode(node: TemplateNode, visit: Visit): void {
  switch (node.kind) {
    case "text":
    case "break":
    case "continue":
      return;
    case "action":
      visitPipe(node.pipe, visit);
      return;
    case "template":
      if (node.pipe) visitPipe(node.pipe, visit);
      return;
    default: {
      ask(node.pipe, visit);
      visitAll(node.body, { ...visit, isRoot: visit.isRoot && node.kind === "if" });
      visitAll(node.otherwise, visit);
    }
  }
}

function ask(pipe: Pipe, visit: Visit): void {
  const found: LabelReference[] = [];
  visitPipe(pipe, { ...visit, found });
  for (const { name } of found) visit.asked.add(name);
}

function visitPipe(pipe: Pipe, visit: Visit): void {
  if (pipe.variables.some((name) => name === "$labels" || name === "labels")) throw new SetAnew();
  for (const command of pipe.commands) visitCommand(command, visit);
}

function visitCommand({ args }: Command, visit: Visit): void {
  const [first, second, third] = args;
  if (first?.kind === "function" && CHOOSING.has(first.name)) {
    const found: LabelReference[] = [];
    for (const operand of args) visitOperand(operand, { ...visit, found });
    for (const { name } of found) visit.asked.add(name);
    return;
  }
  const isIndex = first?.kind === "function" && first.name === "index" && args.length === 3;
  if (isIndex && second && isLabels(second, visit) && third?.kind === "constant")
    visit.found.push({ name: String(third.value), at: third.at });
  else for (const operand of args) visitOperand(operand, visit);
}

function visitOperand(operand: Operand, visit: Visit): void {
  if (operand.kind === "pipe") visitPipe(operand.pipe, visit);
  if (operand.kind !== "fields") return;
  const { of, names, at } = operand;
  const [first, second] = names;
  if (of !== undefined && isLabels(of, visit) && first !== undefined) visit.found.push({ name: first, at });
  else if (of === undefined && visit.isRoot && first === "Labels" && second !== undefined)
    visit.found.push({ name: second, at });
  else if (of !== undefined) visitOperand(of, visit);
}

function isLabels(operand: Operand, { isRoot }: Visit): boolean {
  if (operand.kind === "variable") return operand.name === "$labels" || operand.name === "labels";
  return (
    operand.kind === "fields" &&
    operand.of === undefined &&
    isRoot &&
    operand.names.length === 1 &&
    operand.names[0] === "Labels"
  );
}
