export type { Agent } from "./agent.js";
export { type Check, type HealthOptions, health } from "./express/health.js";
export { recordErrors } from "./express/record-errors.js";
export { type RequestContext, requestContext } from "./express/request-context.js";
export { type LambdaContext, wrapLambda } from "./faas/lambda.js";
export type { AgentOptions, LogSource } from "./settings/settings.js";
export { start } from "./start.js";
