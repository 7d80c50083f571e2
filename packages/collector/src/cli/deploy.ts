import type { Deployment } from "../signals/deployments.js";
import type { DeploymentReport } from "../signals/service-signals.js";
import { CLIENT_FLAGS, CLIENT_HELP, collectorClient } from "./client.js";
import { type Command, ExitCode, UsageError } from "./command.js";
import { deploymentTable } from "./deployment-table.js";
import { parseFlags } from "./flags.js";

const FLAGS = { ...CLIENT_FLAGS, environment: { type: "string" }, at: { type: "string" } } as const;

export const deploy: Command = {
  name: "deploy",
  help: `tocsin deploy <what> [flags]

  mark SERVICE VERSION  say that a version was deployed (from CI, after the deploy)
  list [SERVICE]        deployments with figures before and after: ten minutes of what served before, an hour of what
                        serves since, with the number of requests that they are of

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
  return deployments.length === 0 ? "No deployment was seen yet.\n" : deploymentTable(deployments);
}
