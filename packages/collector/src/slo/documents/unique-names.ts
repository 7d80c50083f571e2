import type { SloSpec } from "../spec.js";
import type { ReadSlos } from "./read-slos.js";

/**
 * SLOs under names that are theirs alone. Sloth knows an SLO by its service and its name, so two services may have one
 * "requests-availability" each; those are called `SERVICE-NAME`, as Sloth's rules call them too.
 */
export function withUniqueNames(read: ReadSlos): ReadSlos {
  const services = new Map<string, Set<string>>();
  for (const { name, service } of read.specs) {
    services.set(name, (services.get(name) ?? new Set()).add(service));
  }
  const renamed = new Map(
    read.specs.map((spec): [SloSpec, SloSpec] => {
      const isShared = (services.get(spec.name)?.size ?? 0) > 1;
      return [spec, isShared ? { ...spec, name: `${spec.service}-${spec.name}` } : spec];
    }),
  );
  return {
    problems: read.problems,
    specs: [...renamed.values()],
    origins: new Map([...read.origins].map(([spec, origin]) => [renamed.get(spec) ?? spec, origin])),
  };
}
