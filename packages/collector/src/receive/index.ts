export {
  createOtlpHttpReceiver,
  type HttpReceiver,
  type HttpReceiverOptions,
} from "./http-server.js";
export {
  type CutItems,
  Intake,
  type IntakeDeps,
  type IntakeLimits,
  limitsOf,
  type RefusedSender,
  type SeriesGate,
} from "./intake.js";
export { lokiRoutes } from "./loki.js";
export { createOtlpGrpcReceiver, type GrpcReceiver, type GrpcReceiverOptions } from "./otlp-grpc.js";
export { anyoneMayWrite, type WriteAuthorizer } from "./sender.js";
export { readTls } from "./tls.js";
export { zipkinRoutes } from "./zipkin.js";
