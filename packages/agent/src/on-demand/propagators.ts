// A file of its own in `dist/on-demand`: propagation other than W3C's.
export { B3Propagator } from "@opentelemetry/propagator-b3";
export { JaegerPropagator } from "@opentelemetry/propagator-jaeger";
