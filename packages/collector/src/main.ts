import type { CommandIo } from "./cli/command.js";
import { run } from "./cli/run.js";

const ending = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    // The second request does not wait for a clean end.
    if (ending.signal.aborted) process.exit(signal === "SIGINT" ? 130 : 143);
    ending.abort();
  });
}

// A closed reader (`tocsin query … | head`) is no fault of ours.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
}

const io: CommandIo = {
  env: process.env,
  cwd: process.cwd(),
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  isTerminal: process.stdout.isTTY === true && !process.env.NO_COLOR,
  signal: ending.signal,
  onReload: (callback) => process.on("SIGHUP", callback),
};

process.exitCode = await run(process.argv.slice(2), io);
