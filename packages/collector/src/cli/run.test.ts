import { expect, test } from "vitest";
import { type CommandIo, ExitCode } from "./command.js";
import { allCommands, COMMANDS } from "./commands.js";
import { run } from "./run.js";

async function output(...args: string[]) {
  const said = { out: "", err: "" };
  const io: CommandIo = {
    env: {},
    cwd: "/",
    out: (text) => {
      said.out += text;
    },
    err: (text) => {
      said.err += text;
    },
    isTerminal: false,
    signal: new AbortController().signal,
    onReload: () => {},
  };
  return { code: await run(args, io), ...said };
}

test("the help lists every command with its summary", async () => {
  const { code, out } = await output("--help");
  expect(code).toBe(ExitCode.good);
  const listed = [...out.matchAll(/^ {2}(\w+) +(.+)$/gm)].map(([, name, summary]) => ({ name, summary }));
  expect(listed).toEqual(Object.entries(COMMANDS).map(([name, { summary }]) => ({ name, summary })));
});

test("each entry loads the command of its name, whose help begins with it", async () => {
  const commands = await allCommands();
  expect(commands.map(({ name }) => name)).toEqual(Object.keys(COMMANDS));
  for (const { name, help } of commands) expect(help).toMatch(new RegExp(`^tocsin (\\[?${name})`));
});

test("a command that does not exist is named with its nearest neighbour", async () => {
  expect(await output("trcaes")).toEqual({
    code: ExitCode.wrongUse,
    out: "",
    err: 'tocsin: unknown command "trcaes". Did you mean "traces"? See `tocsin --help`.\n',
  });
});
