import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import { messageOf } from "@tocsin/model";
import { portOwner } from "../api/port-owner.js";
import type { Finding, Status } from "./doctor-findings.js";

const TIMEOUT_MS = 3_000;

/** The ports that a collector takes unless told otherwise, and the flag that gives another. */
const DEFAULT_PORTS = [
  { port: 4317, purpose: "OTLP/gRPC", flag: "--otlp-grpc-port" },
  { port: 4318, purpose: "OTLP/HTTP", flag: "--otlp-http-port" },
  { port: 4319, purpose: "page and APIs", flag: "--port" },
] as const;

/** Where no collector answers: whether another program holds a port that one would take. */
export async function takenPorts(pageUrl: string): Promise<Finding[]> {
  const { hostname, port } = new URL(pageUrl);
  if (!/^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname)) return [];
  const page = { port: Number(port || 80), purpose: "page and APIs", flag: "--port" };
  const ports = [...DEFAULT_PORTS.filter((known) => known.purpose !== page.purpose), page];
  const findings = await Promise.all(
    ports.map(async ({ port, purpose, flag }): Promise<Finding[]> => {
      if ((await tryToConnect("127.0.0.1", port)) !== undefined) return [];
      const owner = (await portOwner(port)) ?? "another program";
      const text = `port ${port} (${purpose}) is taken by ${owner}`;
      return [{ level: "fault", text, fix: `end that program, or start the collector with ${flag} N` }];
    }),
  );
  return findings.flat();
}

/** Whether the OTLP ports of a running collector answer; nothing is sent that it would count as refused. */
export async function otlpDoors({ otlp }: Status): Promise<Finding[]> {
  const asks = [
    ...(otlp.asksForToken ? ["a token"] : []),
    ...(otlp.asksForCertificate ? ["a certificate"] : []),
  ];
  const guarded = asks.length > 0 ? `, asks for ${asks.join(" and ")}` : "";
  const http = new URL(otlp.http);
  const grpcAt = otlp.grpc.lastIndexOf(":");
  const doors = [
    {
      name: "OTLP/HTTP",
      at: otlp.http,
      host: http.hostname,
      port: Number(http.port),
      tls: http.protocol === "https:",
    },
    {
      name: "OTLP/gRPC",
      at: otlp.grpc,
      host: reachable(otlp.grpc.slice(0, grpcAt)),
      port: Number(otlp.grpc.slice(grpcAt + 1)),
      tls: http.protocol === "https:",
    },
  ];
  return Promise.all(
    doors.map(async ({ name, at, host, port, tls }): Promise<Finding> => {
      const error = await (tls ? tryTls(host, port) : tryToConnect(host, port));
      if (error === undefined) return { level: "ok", text: `${name} is received at ${at}${guarded}` };
      return {
        level: "fault",
        text: `${name} at ${at} does not answer: ${error}`,
        fix: "see the collector's log; from another machine, `listen` must name an address that it can reach",
      };
    }),
  );
}

/** An address that means every interface is asked at this machine. */
function reachable(host: string): string {
  return host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
}

/** @returns why not; undefined when somebody listens */
function tryToConnect(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: TIMEOUT_MS });
    const end = (error?: string): void => {
      socket.destroy();
      resolve(error);
    };
    socket.on("connect", () => end());
    socket.on("timeout", () => end(`no answer within ${TIMEOUT_MS / 1_000} s`));
    socket.on("error", (error) => end(messageOf(error)));
  });
}

function tryTls(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    // Whether the certificate is good is for senders to say, who know the authority.
    const socket = connectTls({ host, port, timeout: TIMEOUT_MS, rejectUnauthorized: false });
    const end = (error?: string): void => {
      socket.destroy();
      resolve(error);
    };
    socket.on("secureConnect", () => end());
    socket.on("timeout", () => end(`no answer within ${TIMEOUT_MS / 1_000} s`));
    socket.on("error", (error) => end(messageOf(error)));
  });
}
