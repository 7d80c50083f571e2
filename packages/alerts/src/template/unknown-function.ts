import type { NodeList, Operand, ParsedTemplate, Pipe, TemplateNode } from "./syntax.js";

type FunctionOperand = Operand & { readonly kind: "function" };

/** The first function of a template that is not known, in the order of writing. */
export function unknownFunction(
  { main, defined }: ParsedTemplate,
  isKnown: (name: string) => boolean,
): FunctionOperand | undefined {
  const found = [main, ...defined.values()].flatMap(functionsOf);
  return found.filter(({ name }) => !isKnown(name)).sort((a, b) => a.at - b.at)[0];
}

function functionsOf(nodes: NodeList): FunctionOperand[] {
  return nodes.flatMap(inNode);
}

function inNode(node: TemplateNode): FunctionOperand[] {
  switch (node.kind) {
    case "text":
    case "break":
    case "continue":
      return [];
    case "action":
      return inPipe(node.pipe);
    case "template":
      return node.pipe ? inPipe(node.pipe) : [];
    default:
      return [...inPipe(node.pipe), ...functionsOf(node.body), ...functionsOf(node.otherwise)];
  }
}

function inPipe({ commands }: Pipe): FunctionOperand[] {
  return commands.flatMap(({ args }) => args.flatMap(inOperand));
}

function inOperand(operand: Operand): FunctionOperand[] {
  if (operand.kind === "function") return [operand];
  if (operand.kind === "pipe") return inPipe(operand.pipe);
  return operand.kind === "fields" && operand.of ? inOperand(operand.of) : [];
}
