export { ForwardConfig } from "./config.js";
export { createForwarder } from "./create.js";
export type { Endpoint, EndpointOptions } from "./endpoint.js";
export type { Forwarder, ForwarderOptions, ForwarderStatus, Transform } from "./forwarder.js";
export { RedactConfig } from "./redact.js";
export { createTransform, SampleConfig, type TransformOptions } from "./transform.js";
