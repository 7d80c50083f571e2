// Walks a parsed template. One piece, because every kind of node needs the others.
import { messageOf } from "@tocsin/model";
import { AlertsError } from "../errors.js";
import { BUILTINS } from "./builtins.js";
import { formatValue } from "./printf.js";
import {
  type Command,
  type NodeList,
  type Operand,
  type ParsedTemplate,
  type Pipe,
  parseTemplate,
  type TemplateNode,
  templateError,
} from "./syntax.js";
import { isTrue, kindOf, METHODS, SafeHtml, sortedKeys } from "./value.js";

// biome-ignore lint/suspicious/noExplicitAny: a Go function's arguments are checked when it is called
export type TemplateFunction = (...args: any[]) => unknown;

export interface TemplateEnvironment {
  readonly functions: Readonly<Record<string, TemplateFunction>>;
  /** Named templates besides those that the text itself defines. */
  readonly templates?: ReadonlyMap<string, NamedTemplate>;
  /** Variables that are set before the text runs, with their `$`. Named templates do not see them. */
  readonly variables?: Readonly<Record<string, unknown>>;
  /** Escapes values for HTML on their way out. */
  readonly isHtml?: boolean;
}

/** A template by name, with the text that it came from so that faults can say their place. */
export interface NamedTemplate {
  readonly text: string;
  readonly nodes: NodeList;
}

/**
 * A function throws this when it needs something that is fetched asynchronously first, such as a query's result.
 * It passes through unwrapped.
 */
export class TemplateNeeds extends Error {
  readonly what: string;
  constructor(what: string) {
    super(`the template needs ${what}`);
    this.what = what;
  }
}

const MAX_OUTPUT = 1_000_000;
const MAX_STEPS = 200_000;
const MAX_DEPTH = 100;

/**
 * Expands a Go template.
 *
 * @throws {AlertsError} ALERTS_TEMPLATE_INVALID with `line:column` when it does not parse or fails while it runs
 */
export function executeTemplate(text: string, data: unknown, environment: TemplateEnvironment): string {
  // Most labels and annotations are plain text.
  if (!text.includes("{{")) return text;
  const variables = Object.keys(environment.variables ?? {});
  return new Run(text, parsedTemplate(text, variables), environment).start(data);
}

const cache = new Map<string, ParsedTemplate>();

function parsedTemplate(text: string, variables: readonly string[]): ParsedTemplate {
  const key = variables.length === 0 ? text : `${variables.join()}\u0000${text}`;
  let parsed = cache.get(key);
  if (!parsed) {
    parsed = parseTemplate(text, variables);
    if (cache.size >= 5_000) cache.clear();
    cache.set(key, parsed);
  }
  return parsed;
}

/** Adds the templates that a text defines, as files listed under `templates:` do. */
export function collectTemplates(text: string, into: Map<string, NamedTemplate>): void {
  for (const [name, nodes] of parseTemplate(text).defined) into.set(name, { text, nodes });
}

class Break extends Error {}
class Continue extends Error {}

type Scope = { readonly name: string; value: unknown }[];

class Run {
  #text: string;
  readonly #templates: Map<string, NamedTemplate>;
  readonly #functions: Readonly<Record<string, TemplateFunction>>;
  readonly #isHtml: boolean;
  #output = "";
  #steps = 0;
  #depth = 0;
  #variables: Scope = [];
  readonly #main: NodeList;
  readonly #given: readonly (readonly [string, unknown])[];

  constructor(text: string, parsed: ParsedTemplate, environment: TemplateEnvironment) {
    this.#text = text;
    this.#main = parsed.main;
    this.#templates = new Map(environment.templates);
    for (const [name, nodes] of parsed.defined) this.#templates.set(name, { text, nodes });
    this.#functions = {
      ...environment.functions,
      tmpl: (name: string, data: unknown) => this.#named(name, data),
    };
    this.#isHtml = environment.isHtml ?? false;
    this.#given = Object.entries(environment.variables ?? {});
  }

  start(data: unknown): string {
    this.#variables = [{ name: "$", value: data }, ...this.#given.map(([name, value]) => ({ name, value }))];
    this.#walk(this.#main, data);
    return this.#output;
  }

  #named(name: string, data: unknown): SafeHtml {
    const before = this.#output;
    this.#output = "";
    this.#call(name, data, 0);
    const text = this.#output;
    this.#output = before;
    return new SafeHtml(text);
  }

  #call(name: string, data: unknown, at: number): void {
    const template = this.#templates.get(name);
    if (!template) this.#fail(at, `there is no template named ${JSON.stringify(name)}`);
    if (++this.#depth > MAX_DEPTH)
      this.#fail(at, `the template ${JSON.stringify(name)} calls itself without end`);
    const [text, variables] = [this.#text, this.#variables];
    this.#text = template.text;
    this.#variables = [{ name: "$", value: data }];
    this.#walk(template.nodes, data);
    [this.#text, this.#variables] = [text, variables];
    this.#depth--;
  }

  #walk(nodes: NodeList, dot: unknown): void {
    for (const node of nodes) {
      if (++this.#steps > MAX_STEPS) this.#fail(0, "it runs too long");
      this.#node(node, dot);
    }
  }

  #node(node: TemplateNode, dot: unknown): void {
    switch (node.kind) {
      case "text":
        this.#write(node.text);
        break;
      case "action": {
        const value = this.#pipe(node.pipe, dot);
        if (node.pipe.variables.length === 0) this.#print(value);
        break;
      }
      case "if":
      case "with":
        this.#scoped(() => {
          const value = this.#pipe(node.pipe, dot);
          if (isTrue(value)) this.#walk(node.body, node.kind === "with" ? value : dot);
          else this.#walk(node.otherwise, dot);
        });
        break;
      case "range":
        this.#scoped(() => this.#range(node, dot));
        break;
      case "template":
        this.#call(node.name, node.pipe ? this.#pipe(node.pipe, dot) : undefined, node.at);
        break;
      case "break":
        throw new Break();
      case "continue":
        throw new Continue();
    }
  }

  #range(node: TemplateNode & { kind: "range" }, dot: unknown): void {
    const value = this.#pipe({ ...node.pipe, variables: [] }, dot);
    const entries = this.#entries(value, node.pipe.at);
    if (entries.length === 0) this.#walk(node.otherwise, dot);
    for (const [key, item] of entries) {
      const mark = this.#variables.length;
      const [first, second] = node.pipe.variables;
      const pairs: [string | undefined, unknown][] =
        second === undefined
          ? [[first, item]]
          : [
              [first, key],
              [second, item],
            ];
      for (const [name, bound] of pairs) {
        if (name === undefined) continue;
        if (node.pipe.isAssignment) this.#assign(name, bound, node.pipe.at);
        else this.#variables.push({ name, value: bound });
      }
      try {
        this.#walk(node.body, item);
      } catch (signal) {
        if (signal instanceof Break) break;
        if (!(signal instanceof Continue)) throw signal;
      } finally {
        this.#variables.length = mark;
      }
    }
  }

  #entries(value: unknown, at: number): (readonly [unknown, unknown])[] {
    switch (kindOf(value)) {
      case "nil":
        return [];
      case "slice":
        return (value as unknown[]).map((item, index) => [BigInt(index), item]);
      case "map": {
        const map = value as Map<string, unknown>;
        return sortedKeys(map).map((key) => [key, map.get(key)]);
      }
      case "int": {
        const count = value as bigint;
        if (count > 10_000n) this.#fail(at, `range over ${count} is too long`);
        return Array.from({ length: Math.max(0, Number(count)) }, (_, index) => [
          BigInt(index),
          BigInt(index),
        ]);
      }
      default:
        return this.#fail(at, `range can't iterate over ${formatValue(value)}`);
    }
  }

  #scoped(body: () => void): void {
    const mark = this.#variables.length;
    try {
      body();
    } finally {
      this.#variables.length = mark;
    }
  }

  #pipe(pipe: Pipe, dot: unknown): unknown {
    let value: unknown;
    for (const [index, command] of pipe.commands.entries()) {
      value = this.#command(command, dot, index === 0 ? [] : [value]);
    }
    for (const name of pipe.variables) {
      if (pipe.isAssignment) this.#assign(name, value, pipe.at);
      else this.#variables.push({ name, value });
    }
    return value;
  }

  #assign(name: string, value: unknown, at: number): void {
    const variable = this.#variables.findLast((each) => each.name === name);
    if (variable) variable.value = value;
    else this.#fail(at, `undefined variable "${name}"`);
  }

  /** `piped` holds the value of the command before, which becomes the last argument. */
  #command(command: Command, dot: unknown, piped: readonly unknown[]): unknown {
    const [head, ...rest] = command.args;
    if (!head) return undefined;
    if (head.kind === "function") return this.#function(head.name, rest, dot, piped, head.at);
    if (head.kind === "fields") return this.#fields(head, dot, rest, piped);
    if (head.kind === "nil") this.#fail(head.at, "nil is not a command");
    if (rest.length > 0 || piped.length > 0) {
      return this.#fail(command.at, "this is no function, so it cannot take arguments");
    }
    return this.#operand(head, dot);
  }

  #operand(operand: Operand, dot: unknown): unknown {
    switch (operand.kind) {
      case "dot":
        return dot;
      case "nil":
        return undefined;
      case "constant":
        return operand.value;
      case "variable":
        return this.#variables.findLast((each) => each.name === operand.name)?.value;
      case "pipe":
        return this.#scopedValue(() => this.#pipe(operand.pipe, dot));
      case "function":
        return this.#function(operand.name, [], dot, [], operand.at);
      case "fields":
        return this.#fields(operand, dot, [], []);
    }
  }

  #scopedValue(body: () => unknown): unknown {
    const mark = this.#variables.length;
    const value = body();
    this.#variables.length = mark;
    return value;
  }

  #fields(
    chain: Operand & { kind: "fields" },
    dot: unknown,
    args: readonly Operand[],
    piped: readonly unknown[],
  ): unknown {
    let value = chain.of ? this.#operand(chain.of, dot) : dot;
    for (const [index, name] of chain.names.entries()) {
      const isLast = index === chain.names.length - 1;
      const given = isLast ? [...args.map((arg) => this.#operand(arg, dot)), ...piped] : [];
      value = this.#field(value, name, given, chain.at);
    }
    return value;
  }

  #field(value: unknown, name: string, args: readonly unknown[], at: number): unknown {
    const methods = (value as { [METHODS]?: Record<string, TemplateFunction> } | null | undefined)?.[METHODS];
    const method = methods && Object.hasOwn(methods, name) ? methods[name] : undefined;
    if (method && args.length < method.length)
      this.#fail(
        at,
        `.${name} wants ${method.length} argument${method.length === 1 ? "" : "s"} and got ${args.length}`,
      );
    if (method) return this.#invoke(`.${name}`, () => method(...args), at);
    const kind = kindOf(value);
    if (args.length > 0) this.#fail(at, `.${name} is not a method, so it cannot take arguments`);
    if (kind === "map") {
      const map = value as Map<string, unknown>;
      // A missing key of a map of texts is the empty text: the option "missingkey=zero" of both projects.
      return map.has(name) ? map.get(name) : "";
    }
    if (kind === "nil") this.#fail(at, `nil has no field .${name}`);
    if (kind === "struct" && Object.hasOwn(value as object, name))
      return (value as Record<string, unknown>)[name];
    const known =
      kind === "struct"
        ? [...Object.keys(value as object), ...Object.keys(methods ?? {})]
        : Object.keys(methods ?? {});
    const hint = known.length > 0 ? `, which has ${known.map((field) => `.${field}`).join(", ")}` : "";
    return this.#fail(
      at,
      `can't evaluate field ${name} in ${kind === "struct" ? "this value" : `type ${kind}`}${hint}`,
    );
  }

  #function(
    name: string,
    args: readonly Operand[],
    dot: unknown,
    piped: readonly unknown[],
    at: number,
  ): unknown {
    if (name === "and" || name === "or") return this.#shortCircuit(name, args, dot, piped, at);
    const found = own(this.#functions, name) ?? own(BUILTINS, name);
    if (!found) this.#fail(at, `function "${name}" is not defined`);
    const given = [...args.map((arg) => this.#operand(arg, dot)), ...piped];
    if (given.length < found.length) {
      this.#fail(
        at,
        `${name} wants ${found.length} argument${found.length === 1 ? "" : "s"} and got ${given.length}`,
      );
    }
    return this.#invoke(name, () => found(...given), at);
  }

  #shortCircuit(
    name: "and" | "or",
    args: readonly Operand[],
    dot: unknown,
    piped: readonly unknown[],
    at: number,
  ): unknown {
    if (args.length + piped.length === 0) this.#fail(at, `${name} wants at least 1 argument`);
    let value: unknown;
    for (const arg of args) {
      value = this.#operand(arg, dot);
      if (isTrue(value) === (name === "or")) return value;
    }
    return piped.length > 0 ? piped[0] : value;
  }

  #invoke(name: string, call: () => unknown, at: number): unknown {
    try {
      return call();
    } catch (error) {
      if (error instanceof TemplateNeeds || error instanceof AlertsError) throw error;
      throw templateError(this.#text, at, `error calling ${name}: ${messageOf(error)}.`, error);
    }
  }

  #print(value: unknown): void {
    const text = kindOf(value) === "nil" ? "<no value>" : formatValue(value);
    this.#write(this.#isHtml && !(value instanceof SafeHtml) ? escapeHtml(text) : text);
  }

  #write(text: string): void {
    this.#output += text;
    if (this.#output.length > MAX_OUTPUT) this.#fail(0, `it writes more than ${MAX_OUTPUT} characters`);
  }

  #fail(at: number, message: string): never {
    throw templateError(this.#text, at, `${message}.`);
  }
}

function own(
  functions: Readonly<Record<string, TemplateFunction>>,
  name: string,
): TemplateFunction | undefined {
  return Object.hasOwn(functions, name) ? functions[name] : undefined;
}

/** As Go's html/template writes them. */
export function escapeHtml(text: string): string {
  const entities: Record<string, string> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&#34;",
    "'": "&#39;",
    "+": "&#43;",
  };
  return text.replace(/[&<>"'+]/g, (char) => entities[char] ?? char);
}
