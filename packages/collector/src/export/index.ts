export { ForwardConfig } from "./config.js";
export { createEndpoint, createForwarder } from "./create.js";
export type { Endpoint, EndpointOptions } from "./endpoint.js";
export { Forwarder, type ForwarderOptions, type ForwarderStatus, type Transform } from "./forwarder.js";
export { RedactConfig } from "./redact.js";
export { createTransform, SampleConfig, type TransformOptions } from "./transform.js";
