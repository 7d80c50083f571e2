import type { Command, CommandIo } from "../src/cli/command.js";

type World = Partial<Pick<CommandIo, "env" | "cwd" | "signal">>;

/** What a command wrote so far: data (`out`) and talk (`err`). */
interface Written {
  readonly out: string;
  readonly err: string;
}

/** A terminal-less world for commands that keeps what they write. */
export function keptIo(world: World = {}): { readonly io: CommandIo; readonly written: Written } {
  const written = { out: "", err: "" };
  const io: CommandIo = {
    env: {},
    cwd: "/",
    signal: new AbortController().signal,
    ...world,
    out: (text) => {
      written.out += text;
    },
    err: (text) => {
      written.err += text;
    },
    isTerminal: false,
    onReload: () => {},
  };
  return { io, written };
}

/** Runs a command as the shell would. */
export async function runCommand(
  command: Pick<Command, "run">,
  args: readonly string[],
  world?: World,
): Promise<Written & { readonly code: number }> {
  const { io, written } = keptIo(world);
  return { code: await command.run(args, io), ...written };
}
