import type { Labels } from "@tocsin/model";
import type { DnsSdConfig } from "../config.js";
import type { Discovery, DiscoveryDeps, DnsResolver } from "./discovery.js";

/** Targets by DNS records. */
export function dnsDiscovery(config: DnsSdConfig, { dns }: DiscoveryDeps): Discovery {
  return {
    name: `dns_sd ${config.names.join(", ")}`,
    refreshMs: config.refresh_interval,
    async find() {
      const found = await Promise.all(config.names.map((name) => lookUp(name, config, dns)));
      return found.flat();
    },
  };
}

async function lookUp(name: string, { type, port = 0 }: DnsSdConfig, dns: DnsResolver): Promise<Labels[]> {
  const target = (address: string, extra: Labels = {}): Labels => ({
    __address__: address,
    __meta_dns_name: name,
    ...extra,
  });
  switch (type) {
    case "A":
      return (await dns.resolve4(name)).map((address) => target(`${address}:${port}`));
    case "AAAA":
      return (await dns.resolve6(name)).map((address) => target(`[${address}]:${port}`));
    case "MX":
      return (await dns.resolveMx(name)).map(({ exchange }) =>
        target(`${exchange}:${port}`, { __meta_dns_mx_record_target: exchange }),
      );
    case "SRV":
      return (await dns.resolveSrv(name)).map((record) =>
        target(`${record.name}:${record.port}`, {
          __meta_dns_srv_record_target: record.name,
          __meta_dns_srv_record_port: String(record.port),
        }),
      );
  }
}
