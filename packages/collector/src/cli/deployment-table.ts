import { changeText } from "../signals/deployments.js";
import type { RequestFigures } from "../signals/request-window.js";
import type { DeploymentReport } from "../signals/service-signals.js";
import { milliseconds, percent, table } from "./figures.js";

/** Deployments with what they changed. */
export function deploymentTable(deployments: readonly DeploymentReport[]): string {
  return table(
    ["deployed", "service", "version", "how", "errors before", "after", "p95 before", "after", "verdict"],
    deployments.map(({ at, service, source, by, before, after, verdict, ...change }) => [
      at,
      service,
      changeText(change),
      by === "" ? source : `${source} by ${by}`,
      errorsText(before),
      errorsText(after),
      milliseconds(before?.latencySeconds.p95 ?? null),
      milliseconds(after?.latencySeconds.p95 ?? null),
      verdict,
    ]),
  );
}

/** The error ratio, and of how many requests. */
function errorsText(figures: RequestFigures | null): string {
  return figures ? `${percent(figures.errorRatio)} of ${Math.round(figures.requests)}` : "–";
}
