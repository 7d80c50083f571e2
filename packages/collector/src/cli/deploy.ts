import type { Deployment } from "../signals/deployments.js";
import type { DeploymentReport } from "../signals/service-signals.js";
import { CLIENT_FLAGS, CLIENT_HELP, collectorClient } from "./client.js";
import { type Command, ExitCode, UsageError } from "./command.js";
import { percent, table } from "./figures.js";
import { parseFlags } from "./flags.js";

const FLAGS = { ...CLIENT_FLAGS, environment: { type: "string" }, at: { type: "string" } } as const;

export const deploy: Command = {
  name: "deploy",
  help: `tocsin deploy <what> [flags]

  mark SERVICE VERSION  say that a version was deployed (from CI, after the deploy)
  list [SERVICE]        deployments with error ratios before and after

  --environment ENV     deployment.environment.name (default: none)
  --at TIME             when, such as 2026-11-20T14:03:40Z (default: now)
${CLIENT_HELP}`,
  async run(args, io) {
    const { flags, positionals } = parseFlags(FLAGS, args);
    const [what = "list", service, version, ...rest] = positionals;
    if (rest.length > 0) throw new UsageError(`Unexpected "${rest[0]}".`);
    const client = collectorClient(flags, io);
    if (what === "mark") {
      if (service === undefined || version === undefined) {
        throw new UsageError("Say what was deployed: tocsin deploy mark SERVICE VERSION.");
      }
      const body = { service, version, environment: flags.environment, at: flags.at };
      const marked = await client.json<Deployment>("/api/v1/deployments", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      io.out(flags.json ? `${JSON.stringify(marked)}\n` : `Marked: ${marked.service} ${marked.version}.\n`);
      return ExitCode.good;
    }
    if (what !== "list") throw new UsageError(`"${what}" is neither mark nor list.`);
    const query = service === undefined ? "" : `?service=${encodeURIComponent(service)}`;
    const deployments = await client.json<DeploymentReport[]>(`/api/v1/deployments${query}`);
    io.out(flags.json ? `${JSON.stringify(deployments)}\n` : listText(deployments));
    return ExitCode.good;
  },
};

function listText(deployments: readonly DeploymentReport[]): string {
  if (deployments.length === 0) return "No deployment was seen yet.\n";
  return table(
    ["at", "service", "version", "how", "errors before", "after", "verdict"],
    deployments.map(({ at, service, previousVersion, version, source, by, before, after, verdict }) => [
      at,
      service,
      previousVersion === "" ? version : `${previousVersion} → ${version}`,
      by === "" ? source : `${source} by ${by}`,
      before ? percent(before.errorRatio) : "",
      after ? percent(after.errorRatio) : "",
      verdict,
    ]),
  );
}
