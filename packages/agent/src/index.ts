export type { Agent } from "./agent.js";
export type { AgentOptions } from "./settings/settings.js";
export { start } from "./start.js";
