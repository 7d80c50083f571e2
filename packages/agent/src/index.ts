export type { Agent } from "./agent.js";
export { type Check, type HealthOptions, health } from "./express/health.js";
export { recordErrors } from "./express/record-errors.js";
export { type RequestContext, requestContext } from "./express/request-context.js";
export { wrapLambda } from "./faas/lambda.js";
export type { AgentOptions, FinishedSpan, LogSource, SpanProcessor } from "./settings/options.js";
export { start } from "./start.js";
