import { expect, test } from "vitest";
import { certificatesSuffice, refuseOpenAddresses } from "./open-address.js";
import { CollectorConfig } from "./schema.js";

const tls = { cert_file: "server.pem", key_file: "server.key" };
const mutual = { ...tls, client_ca_file: "senders.pem" };
const token = (...can: string[]) => ({ tokens: [{ name: "t", token: "secret-token", can }] });

test.each([
  { name: "loopback", config: {}, refused: undefined },
  {
    name: "an open OTLP port",
    config: { listen: { otlp_http: ":4318" } },
    refused: "listen.otlp_http is 0.0.0.0:4318",
  },
  { name: "an open gRPC port", config: { listen: { otlp_grpc: ":4317" } }, refused: "listen.otlp_grpc" },
  { name: "an open page", config: { listen: { api: ":4319" } }, refused: "listen.api" },
  {
    name: "encryption alone, which lets anyone in",
    config: { listen: { otlp_http: ":4318" }, tls },
    refused: "neither a token nor tls.client_ca_file",
  },
  {
    name: "certificates asked of senders",
    config: { listen: { otlp_http: ":4318", otlp_grpc: ":4317" }, tls: mutual },
    refused: undefined,
  },
  {
    name: "certificates do not guard the page",
    config: { listen: { otlp_http: ":4318", api: ":4319" }, tls: mutual },
    refused: "listen.api",
  },
  { name: "a token", config: { listen: { api: ":4319" }, auth: token("read") }, refused: undefined },
  { name: "somebody's word", config: { listen: { api: ":4319", insecure: true } }, refused: undefined },
])("$name", ({ config, refused }) => {
  const check = () => refuseOpenAddresses(CollectorConfig.parse(config));
  if (refused === undefined) expect(check).not.toThrow();
  else expect(check).toThrow(refused);
});

test.each([
  { name: "no certificates", config: {}, want: false },
  { name: "certificates alone", config: { tls: mutual }, want: true },
  {
    name: "certificates, and tokens for the page",
    config: { tls: mutual, auth: token("read", "act") },
    want: true,
  },
  {
    name: "certificates and a token for writing",
    config: { tls: mutual, auth: token("write") },
    want: false,
  },
])("whether a certificate suffices: $name", ({ config, want }) => {
  expect(certificatesSuffice(CollectorConfig.parse(config))).toBe(want);
});
