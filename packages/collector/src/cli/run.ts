import { messageOf, nearestName } from "@tocsin/model";
import { VERSION } from "../version.js";
import { CollectorAnswerError } from "./client.js";
import { type Command, type CommandIo, ExitCode, NotReachedError, UsageError } from "./command.js";
import { COMMANDS, commandNamed } from "./commands.js";

/**
 * Runs `tocsin` with its arguments; without a command name it is `tocsin up`.
 *
 * @returns the exit code
 */
export async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const [first = "up", ...rest] = args;
  if (first === "--help" || first === "-h" || first === "help") return showHelp(rest[0], io);
  if (first === "--version" || first === "-v") {
    io.out(`tocsin ${VERSION}\n`);
    return ExitCode.good;
  }
  // `tocsin --config f` is `tocsin up --config f`.
  const [name, commandArgs] = first.startsWith("-") ? ["up", args] : [first, rest];
  const command = await commandNamed(name);
  if (!command) return unknownCommand(name, io);
  if (commandArgs.includes("--help") || commandArgs.includes("-h")) return showHelp(name, io);
  return runCommand(command, commandArgs, io);
}

async function runCommand(command: Command, args: readonly string[], io: CommandIo): Promise<number> {
  try {
    return await command.run(args, io);
  } catch (error) {
    if (error instanceof UsageError) {
      io.err(`tocsin ${command.name}: ${error.message}\nSee \`tocsin ${command.name} --help\`.\n`);
      return ExitCode.wrongUse;
    }
    io.err(`tocsin ${command.name}: ${messageOf(error)}\n`);
    if (error instanceof NotReachedError) return ExitCode.notReached;
    if (error instanceof CollectorAnswerError) return ExitCode.findings;
    if (io.env.TOCSIN_LOG === "debug" && error instanceof Error) io.err(`${error.stack}\n`);
    return ExitCode.findings;
  }
}

async function showHelp(name: string | undefined, io: CommandIo): Promise<number> {
  const command = name === undefined ? undefined : await commandNamed(name);
  if (command) {
    io.out(`${command.help.trimEnd()}\n`);
    return ExitCode.good;
  }
  if (name !== undefined) return unknownCommand(name, io);
  const entries = Object.entries(COMMANDS);
  const width = Math.max(...entries.map(([listed]) => listed.length));
  const lines = entries.map(([listed, { summary }]) => `  ${listed.padEnd(width)}  ${summary}`);
  io.out(
    `tocsin ${VERSION}: signals, SLOs, alerts and actions for Node services\n\n${lines.join("\n")}\n\n` +
      "`tocsin` alone is `tocsin up`. `tocsin COMMAND --help` tells more.\n" +
      "Exit codes: 0 good, 1 findings, 2 wrong use, 3 collector not reached.\n",
  );
  return ExitCode.good;
}

function unknownCommand(name: string, io: CommandIo): number {
  const nearest = nearestName(name, Object.keys(COMMANDS));
  io.err(
    `tocsin: unknown command "${name}".${nearest ? ` Did you mean "${nearest}"?` : ""} See \`tocsin --help\`.\n`,
  );
  return ExitCode.wrongUse;
}
