/** Name and version that the agent's own spans, metrics and logs carry as their instrumentation scope. */
export const AGENT_SCOPE = { name: "@tocsin/agent", version: "0.1.0" } as const;
