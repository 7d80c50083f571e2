import type { StoredLog } from "../store/logs/log.js";
import { CLIENT_FLAGS, CLIENT_HELP, collectorClient } from "./client.js";
import { type Command, ExitCode, NotReachedError } from "./command.js";
import { parseFlags } from "./flags.js";
import { LOG_FILTER_HELP, LOG_FILTER_KEYS, logLine } from "./logs.js";
import { filterParameters } from "./search-filter.js";

export const tail: Command = {
  name: "tail",
  help: `tocsin tail [FILTER…] [flags]

${LOG_FILTER_HELP}
  Ends with Ctrl-C. When lines come faster than they can be shown, it says how many were left out.
${CLIENT_HELP}`,
  async run(args, io) {
    const { flags, positionals } = parseFlags(CLIENT_FLAGS, args);
    const query = filterParameters(positionals, LOG_FILTER_KEYS, "q");
    const client = collectorClient(flags, io);
    try {
      const response = await client.request(`/api/v1/logs/tail?${query}`, {
        headers: { accept: "text/event-stream" },
      });
      for await (const { event, data } of serverSentEvents(response)) {
        if (event === "log")
          io.out(flags.json ? `${data}\n` : logLine(JSON.parse(data) as StoredLog, Date.now()));
        if (event === "skipped") {
          io.err(
            `(${(JSON.parse(data) as { count: number }).count} lines left out: they came faster than they are read)\n`,
          );
        }
      }
    } catch (error) {
      if (io.signal.aborted) return ExitCode.good;
      throw error;
    }
    throw new NotReachedError(
      `The collector at ${client.url} ended the stream. Start it again, then follow again.`,
    );
  },
};

/** The events of a stream that have data; comments are left out. */
export async function* serverSentEvents(response: Response): AsyncGenerator<{ event: string; data: string }> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of response.body ?? []) {
    const blocks = (rest + decoder.decode(chunk, { stream: true })).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const lines = block.split("\n");
      const event = lines.find((line) => line.startsWith("event: "))?.slice("event: ".length) ?? "message";
      const data = lines
        .filter((line) => line.startsWith("data: "))
        .map((line) => line.slice("data: ".length));
      if (data.length > 0) yield { event, data: data.join("\n") };
    }
  }
}
