export { createForwarder } from "./create.js";
export type { Endpoint, EndpointOptions } from "./endpoint.js";
export type { Forwarder, ForwarderOptions, ForwarderStatus } from "./forwarder.js";
export { createTransform, type TransformOptions } from "./transform.js";
