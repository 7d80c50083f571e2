import type { Clock, Labels, Logger } from "@tocsin/model";
import type { HttpGetter } from "../http-get.js";

/** What discovery works with. */
export interface DiscoveryDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly http: HttpGetter;
  /** Looks names up; the system's resolver. */
  readonly dns: DnsResolver;
  /** Where relative file names begin: the folder of the configuration. */
  readonly baseDir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The part of `node:dns/promises` that is used. */
export interface DnsResolver {
  resolve4(name: string): Promise<string[]>;
  resolve6(name: string): Promise<string[]>;
  resolveSrv(name: string): Promise<{ name: string; port: number }[]>;
  resolveMx(name: string): Promise<{ exchange: string }[]>;
}

/** One way of finding targets. */
export interface Discovery {
  /** For messages: `http_sd http://…`. */
  readonly name: string;
  readonly refreshMs: number;
  /** Labels of every target there is now, `__address__` among them. @throws when it cannot be known */
  find(signal: AbortSignal): Promise<readonly Labels[]>;
}

/** A group of targets as files and HTTP services give them. */
export interface TargetGroup {
  readonly targets: readonly string[];
  readonly labels?: Labels;
}

/** One label set per target of a group, with labels of the source. */
export function groupTargets(groups: readonly TargetGroup[], extra: Labels = {}): Labels[] {
  return groups.flatMap(({ targets, labels = {} }) =>
    targets.map((address) => ({ ...extra, ...labels, __address__: address })),
  );
}
