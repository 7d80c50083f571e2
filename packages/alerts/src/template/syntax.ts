// The grammar of Go's text/template, read by one recursive descent. One piece: lexer and parser share the position in the
// text, because what a character means depends on whether we are inside an action.
import { AlertsError } from "../errors.js";

export type TemplateNode =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "action"; readonly pipe: Pipe }
  | {
      readonly kind: "if" | "with";
      readonly pipe: Pipe;
      readonly body: NodeList;
      readonly otherwise: NodeList;
    }
  | { readonly kind: "range"; readonly pipe: Pipe; readonly body: NodeList; readonly otherwise: NodeList }
  | { readonly kind: "template"; readonly name: string; readonly pipe: Pipe | undefined; readonly at: number }
  | { readonly kind: "break" | "continue" };

export type NodeList = readonly TemplateNode[];

/** `$a, $b := command | command`. */
export interface Pipe {
  readonly variables: readonly string[];
  /** `=` rather than `:=`. */
  readonly isAssignment: boolean;
  readonly commands: readonly Command[];
  readonly at: number;
}

export interface Command {
  readonly args: readonly Operand[];
  readonly at: number;
}

export type Operand =
  | { readonly kind: "dot" | "nil"; readonly at: number }
  | { readonly kind: "constant"; readonly value: string | boolean | number | bigint; readonly at: number }
  | { readonly kind: "function"; readonly name: string; readonly at: number }
  /** A value followed by `.Field` names. Without `of` the chain starts at dot. */
  | {
      readonly kind: "fields";
      readonly of: Operand | undefined;
      readonly names: readonly string[];
      readonly at: number;
    }
  | { readonly kind: "variable"; readonly name: string; readonly at: number }
  | { readonly kind: "pipe"; readonly pipe: Pipe; readonly at: number };

export interface ParsedTemplate {
  readonly main: NodeList;
  /** From `define` and `block`. */
  readonly defined: ReadonlyMap<string, NodeList>;
}

/**
 * @param variables names that are set before the template runs, `$value` for instance
 * @throws {AlertsError} ALERTS_TEMPLATE_INVALID, the message beginning with `line:column`
 */
export function parseTemplate(text: string, variables: readonly string[] = []): ParsedTemplate {
  return new Parser(text, variables).parse();
}

/** The error for a fault at an offset of a template's text. */
export function templateError(text: string, at: number, message: string, cause?: unknown): AlertsError {
  const before = text.slice(0, at).split("\n");
  const column = (before.at(-1)?.length ?? 0) + 1;
  return new AlertsError("ALERTS_TEMPLATE_INVALID", `${before.length}:${column} ${message}`, { cause });
}

const KEYWORDS = new Set([
  "if",
  "else",
  "end",
  "range",
  "with",
  "template",
  "define",
  "block",
  "break",
  "continue",
]);
const NUMBER =
  /^[+-]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|(?:\d[\d_]*)?\.?\d[\d_]*(?:\.(?!\w))?(?:[eE][+-]?\d+)?)/;
const IDENTIFIER = /^[\p{L}_][\p{L}\p{Nd}_]*/u;
const STRING = /^"(?:[^"\\\n]|\\.)*"/s;
const CHARACTER = /^'(?:[^'\\\n]|\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.))'/su;

type Stop = { readonly keyword: "end" | "else" | "eof"; readonly at: number };

class Parser {
  readonly #text: string;
  #at = 0;
  #variables: string[][];
  #rangeDepth = 0;
  readonly #defined = new Map<string, NodeList>();

  constructor(text: string, variables: readonly string[]) {
    this.#text = text;
    this.#variables = [["$", ...variables]];
  }

  parse(): ParsedTemplate {
    const [main, stop] = this.#list();
    if (stop.keyword !== "eof") this.#fail(stop.at, `unexpected {{${stop.keyword}}}: nothing is open here`);
    return { main, defined: this.#defined };
  }

  /** Reads nodes until `{{end}}`, `{{else}}` (which is left open after the keyword) or the end. */
  #list(): [NodeList, Stop] {
    const nodes: TemplateNode[] = [];
    for (;;) {
      const start = this.#text.indexOf("{{", this.#at);
      let text = this.#text.slice(this.#at, start === -1 ? undefined : start);
      if (this.#trimNext) text = text.trimStart();
      this.#trimNext = false;
      if (start === -1) {
        if (text !== "") nodes.push({ kind: "text", text });
        this.#at = this.#text.length;
        return [nodes, { keyword: "eof", at: this.#at }];
      }
      this.#at = start + 2;
      if (/^-\s/.test(this.#text.slice(this.#at, this.#at + 2))) {
        text = text.trimEnd();
        this.#at += 1;
      }
      if (text !== "") nodes.push({ kind: "text", text });
      this.#space();
      if (this.#text.startsWith("/*", this.#at)) {
        this.#comment(start);
        continue;
      }
      const keyword = this.#keyword();
      if (keyword === "end" || keyword === "else") {
        if (keyword === "end") this.#close(start);
        return [nodes, { keyword, at: start }];
      }
      const node = this.#node(keyword, start);
      if (node) nodes.push(node);
    }
  }

  #trimNext = false;

  #node(keyword: string | undefined, start: number): TemplateNode | undefined {
    switch (keyword) {
      case "if":
      case "with":
      case "range":
        return this.#control(keyword, start);
      case "define":
      case "block":
        return this.#definition(keyword, start);
      case "template": {
        this.#space();
        const name = this.#string();
        this.#space();
        const pipe = this.#atClose() ? undefined : this.#pipe(start);
        this.#close(start);
        return { kind: "template", name, pipe, at: start };
      }
      case "break":
      case "continue":
        if (this.#rangeDepth === 0) this.#fail(start, `{{${keyword}}} outside {{range}}`);
        this.#close(start);
        return { kind: keyword };
      default: {
        const pipe = this.#pipe(start);
        this.#close(start);
        return { kind: "action", pipe };
      }
    }
  }

  #control(kind: "if" | "with" | "range", start: number): TemplateNode {
    this.#variables.push([]);
    const pipe = this.#pipe(start, kind === "range");
    this.#close(start);
    if (kind === "range") this.#rangeDepth++;
    const [body, stop] = this.#list();
    if (kind === "range") this.#rangeDepth--;
    const otherwise = this.#otherwise(kind, stop, start);
    this.#variables.pop();
    return { kind, pipe, body, otherwise };
  }

  #otherwise(kind: "if" | "with" | "range", stop: Stop, start: number): NodeList {
    if (stop.keyword === "eof") this.#fail(start, `{{${kind}}} without {{end}}`);
    if (stop.keyword === "end") return [];
    this.#space();
    const chained = this.#keyword();
    if (chained === kind && kind !== "range") return [this.#control(kind, stop.at)];
    if (chained !== undefined) this.#fail(stop.at, `{{else ${chained}}} does not continue {{${kind}}}`);
    this.#close(stop.at);
    const [nodes, end] = this.#list();
    if (end.keyword !== "end") this.#fail(start, `{{${kind}}} without {{end}}`);
    return nodes;
  }

  #definition(kind: "define" | "block", start: number): TemplateNode | undefined {
    this.#space();
    const name = this.#string();
    const pipe = kind === "block" ? this.#pipe(start) : undefined;
    this.#close(start);
    const [outer, depth] = [this.#variables, this.#rangeDepth];
    this.#variables = [["$"]];
    this.#rangeDepth = 0;
    const [body, stop] = this.#list();
    [this.#variables, this.#rangeDepth] = [outer, depth];
    if (stop.keyword !== "end") this.#fail(start, `{{${kind}}} without {{end}}`);
    this.#defined.set(name, body);
    return kind === "block" ? { kind: "template", name, pipe, at: start } : undefined;
  }

  #pipe(start: number, isRange = false): Pipe {
    this.#space();
    const at = this.#at;
    const declared = /^(\$[\p{L}\p{Nd}_]*)\s*(?:,\s*(\$[\p{L}\p{Nd}_]*)\s*)?(:?=)/u.exec(
      this.#text.slice(at),
    );
    let variables: string[] = [];
    if (declared) {
      this.#at += declared[0].length;
      variables = [declared[1], declared[2]].filter((name) => name !== undefined);
      if (variables.length === 2 && !isRange) this.#fail(at, "only {{range}} can set two variables");
      if (declared[3] === "=") for (const name of variables) this.#known(name, at);
    }
    const commands: Command[] = [];
    do {
      commands.push(this.#command(start));
      this.#space();
    } while (this.#take("|"));
    // Only now: a variable is not known inside its own value.
    if (declared?.[3] === ":=") this.#variables.at(-1)?.push(...variables);
    return { variables, isAssignment: declared?.[3] === "=", commands, at };
  }

  #command(start: number): Command {
    this.#space();
    const at = this.#at;
    const args: Operand[] = [];
    while (!this.#atClose() && !/^[|)]/.test(this.#rest(1))) {
      args.push(this.#operand(start));
      const before = this.#at;
      this.#space();
      if (before === this.#at && !this.#atClose() && !/^[|)]/.test(this.#rest(1))) this.#unexpected(start);
    }
    if (args.length === 0) this.#fail(at, "a value is missing");
    for (const [index, arg] of args.entries()) {
      if (index === 0 && args.length > 1 && (arg.kind === "constant" || arg.kind === "nil"))
        this.#fail(arg.at, "a constant cannot take arguments");
    }
    return { args, at };
  }

  #operand(start: number): Operand {
    const at = this.#at;
    const rest = this.#rest();
    let operand: Operand;
    const identifier = IDENTIFIER.exec(rest)?.[0];
    if (rest === "") return this.#fail(start, "{{ without }}");
    if (rest.startsWith("(")) {
      this.#at++;
      const pipe = this.#pipe(start);
      this.#space();
      if (!this.#take(")")) this.#fail(at, '"(" without ")"');
      operand = { kind: "pipe", pipe, at };
    } else if (rest.startsWith('"') || rest.startsWith("`")) {
      operand = { kind: "constant", value: this.#string(), at };
    } else if (rest.startsWith("'")) {
      operand = { kind: "constant", value: this.#character(), at };
    } else if (rest.startsWith("$")) {
      const name = /^\$[\p{L}\p{Nd}_]*/u.exec(rest)?.[0] ?? "$";
      this.#at += name.length;
      this.#known(name, at);
      operand = { kind: "variable", name, at };
    } else if (/^\.(?![\p{L}_\d])/u.test(rest)) {
      this.#at++;
      return { kind: "dot", at };
    } else if (/^\.[\p{L}_]/u.test(rest)) {
      return { kind: "fields", of: undefined, names: this.#fields(), at };
    } else if (/^[+-]?\.?\d/.test(rest)) {
      return { kind: "constant", value: this.#number(), at };
    } else if (identifier !== undefined) {
      this.#at += identifier.length;
      if (identifier === "true" || identifier === "false")
        return { kind: "constant", value: identifier === "true", at };
      if (identifier === "nil") return { kind: "nil", at };
      if (KEYWORDS.has(identifier)) this.#fail(at, `unexpected keyword "${identifier}"`);
      operand = { kind: "function", name: identifier, at };
    } else return this.#fail(at, `unexpected ${JSON.stringify([...rest][0])}`);

    const names = this.#fields();
    return names.length > 0 ? { kind: "fields", of: operand, names, at } : operand;
  }

  #fields(): string[] {
    const names: string[] = [];
    for (;;) {
      const name = /^\.([\p{L}_][\p{L}\p{Nd}_]*)/u.exec(this.#rest())?.[1];
      if (name === undefined) return names;
      this.#at += name.length + 1;
      names.push(name);
    }
  }

  #number(): number | bigint {
    const at = this.#at;
    const text = NUMBER.exec(this.#rest())?.[0] ?? "";
    const plain = text.replaceAll("_", "");
    const next = this.#text.slice(at + text.length, at + text.length + 1);
    if (text === "" || /[\p{L}\p{Nd}_.]/u.test(next)) this.#fail(at, "bad number");
    this.#at += text.length;
    if (/^[+-]?0[xXbBoO]/.test(plain)) {
      const magnitude = BigInt(plain.replace(/^[+-]/, ""));
      return plain.startsWith("-") ? -magnitude : magnitude;
    }
    return /^[+-]?\d+$/.test(plain) ? BigInt(plain.replace(/^\+/, "")) : Number(plain);
  }

  #string(): string {
    const at = this.#at;
    if (this.#text[at] === "`") {
      const end = this.#text.indexOf("`", at + 1);
      if (end === -1) this.#fail(at, "raw string without closing `");
      this.#at = end + 1;
      return this.#text.slice(at + 1, end);
    }
    const quoted = STRING.exec(this.#rest())?.[0];
    if (quoted === undefined) return this.#fail(at, "a quoted string was expected");
    this.#at += quoted.length;
    return unquote(quoted.slice(1, -1));
  }

  #character(): bigint {
    const quoted = CHARACTER.exec(this.#rest())?.[0];
    if (quoted === undefined) return this.#fail(this.#at, "bad character constant");
    this.#at += quoted.length;
    return BigInt(unquote(quoted.slice(1, -1)).codePointAt(0) ?? 0);
  }

  #comment(start: number): void {
    const end = this.#text.indexOf("*/", this.#at);
    if (end === -1) this.#fail(start, "comment without */");
    this.#at = end + 2;
    this.#close(start);
  }

  #keyword(): string | undefined {
    const word = IDENTIFIER.exec(this.#rest())?.[0];
    if (word === undefined || !KEYWORDS.has(word)) return undefined;
    this.#at += word.length;
    return word;
  }

  #atClose(): boolean {
    return (
      /^(?:\s+-)?\}\}/.test(this.#rest()) ||
      (/^-\}\}/.test(this.#rest(3)) && /\s/.test(this.#text[this.#at - 1] ?? ""))
    );
  }

  #close(start: number): void {
    this.#space();
    const match = /^(-?)\}\}/.exec(this.#rest(3));
    if (!match) {
      this.#unexpected(start);
    }
    this.#at += match?.[0].length ?? 0;
    this.#trimNext = match?.[1] === "-";
  }

  #known(name: string, at: number): void {
    if (!this.#variables.some((scope) => scope.includes(name)))
      this.#fail(at, `undefined variable "${name}"`);
  }

  #space(): void {
    while (/\s/.test(this.#text[this.#at] ?? "")) this.#at++;
  }

  #take(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #rest(length?: number): string {
    return this.#text.slice(this.#at, length === undefined ? undefined : this.#at + length);
  }

  #unexpected(start: number): never {
    const seen = this.#rest(12);
    if (seen === "") this.#fail(start, "{{ without }}");
    this.#fail(this.#at, `unexpected ${JSON.stringify(seen)}`);
  }

  #fail(at: number, message: string): never {
    throw templateError(this.#text, at, `${message}.`);
  }
}

function unquote(text: string): string {
  return text.replace(
    /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))/gsu,
    (_, hex, short, long, octal, char: string | undefined) => {
      if (octal !== undefined) return String.fromCodePoint(Number.parseInt(octal, 8));
      const code = hex ?? short ?? long;
      if (code !== undefined) return String.fromCodePoint(Number.parseInt(code, 16));
      const known: Record<string, string> = {
        n: "\n",
        t: "\t",
        r: "\r",
        a: "\x07",
        b: "\b",
        f: "\f",
        v: "\v",
      };
      return known[char ?? ""] ?? char ?? "";
    },
  );
}
