import { type Expression, parse } from "@tocsin/promql";

/** The series that an expression reads, each as a selector without offsets: `{__name__="up",job="api"}`. */
export function selectorsOf(expression: string): string[] {
  const found = new Set<string>();
  visit(parse(expression), found);
  return [...found];
}

function visit(node: Expression, found: Set<string>): void {
  switch (node.kind) {
    case "vector-selector": {
      const conditions = node.matchers.map(
        ({ name, operator, value }) => `${quoteName(name)}${operator}${JSON.stringify(value)}`,
      );
      if (node.name !== undefined) conditions.unshift(`__name__=${JSON.stringify(node.name)}`);
      found.add(`{${conditions.join(",")}}`);
      break;
    }
    case "matrix-selector":
      visit(node.selector, found);
      break;
    case "subquery":
    case "paren":
    case "unary":
      visit(node.expression, found);
      break;
    case "aggregate":
      if (node.parameter) visit(node.parameter, found);
      visit(node.expression, found);
      break;
    case "call":
      for (const argument of node.args) visit(argument, found);
      break;
    case "binary":
      visit(node.left, found);
      visit(node.right, found);
      break;
    default:
  }
}

function quoteName(name: string): string {
  return /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) ? name : JSON.stringify(name);
}
