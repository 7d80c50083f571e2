import { CLIENT_FLAGS, CLIENT_HELP, CollectorAnswerError, collectorClient } from "./client.js";
import { type Command, ExitCode, UsageError } from "./command.js";
import { parseFlags } from "./flags.js";

export const reload: Command = {
  name: "reload",
  help: `tocsin reload [flags]

The collector reads tocsin.yaml and every file that it names. SLOs, rules, routes, actions and scrape targets are taken;
alerts keep their state. A file with a fault changes nothing, and every fault is shown.

${CLIENT_HELP}

Exit code 0 when it is in use, 1 with a fault, 3 when no collector answers.`,
  async run(args, io) {
    const { flags, positionals } = parseFlags(CLIENT_FLAGS, args);
    if (positionals.length > 0) throw new UsageError(`Unexpected "${positionals[0]}".`);
    const client = collectorClient(flags, io);
    try {
      const answer = await client.json("/api/v1/reload", { method: "POST" });
      io.out(
        flags.json ? `${JSON.stringify(answer)}\n` : "The configuration was read again and is in use.\n",
      );
      return ExitCode.good;
    } catch (error) {
      if (!(error instanceof CollectorAnswerError) || error.status !== 400) throw error;
      if (flags.json) io.out(`${error.body}\n`);
      else io.err(`${textOf(error.body)}\nThe collector goes on with what it had.\n`);
      return ExitCode.findings;
    }
  },
};

function textOf(body: string): string {
  return String((JSON.parse(body) as { error?: unknown }).error);
}
