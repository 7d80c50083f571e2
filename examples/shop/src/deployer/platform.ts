import { type ServiceProxy, startProxy } from "./proxy.js";
import { type Replica, startReplica } from "./replica.js";

/** A service as the platform knows it. */
export interface ServiceState {
  readonly name: string;
  readonly version: string;
  /** The version that a rollback would bring back. */
  readonly previousVersion: string | null;
  readonly replicas: number;
  readonly pids: readonly number[];
  readonly url: string;
}

/** A request that cannot be fulfilled, with the HTTP status that says why. */
export class PlatformError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

interface Service {
  readonly name: string;
  readonly proxy: ServiceProxy;
  versions: readonly string[];
  replicas: readonly Replica[];
  /** Changes of one service happen one after the other. */
  queue: Promise<unknown>;
}

const MAX_REPLICAS = 5;
const DRAIN_MS = 3_000;
const STOP_GRACE_MS = 4_000;

/** Services in the order in which they are started, each with the variable that tells the others where it is. */
const SERVICES = [
  { name: "payments", urlVariable: "PAYMENTS_URL" },
  { name: "checkout", urlVariable: "CHECKOUT_URL" },
  { name: "gateway", urlVariable: "GATEWAY_URL" },
] as const;

/** Stands for a platform such as Kubernetes: runs versions of services as processes behind their proxies. */
export class Platform {
  readonly #services: ReadonlyMap<string, Service>;
  readonly #env: Record<string, string>;
  #isClosed = false;

  private constructor(services: ReadonlyMap<string, Service>, env: Record<string, string>) {
    this.#services = services;
    this.#env = env;
  }

  static async create(): Promise<Platform> {
    const services = new Map<string, Service>();
    const env: Record<string, string> = {};
    for (const { name, urlVariable } of SERVICES) {
      const proxy = await startProxy();
      env[urlVariable] = proxy.url;
      services.set(name, { name, proxy, versions: [], replicas: [], queue: Promise.resolve() });
    }
    return new Platform(services, env);
  }

  /** Starts every service once, at the version it had before the story. */
  async start(env: Readonly<Record<string, string>>): Promise<void> {
    Object.assign(this.#env, env);
    await Promise.all(SERVICES.map(({ name }) => this.deploy(name, "1.41.3", 1)));
  }

  state(): readonly ServiceState[] {
    return [...this.#services.values()].map(stateOf);
  }

  /** Brings up the new version beside the old one, switches over, and ends the old one: no request is lost. */
  deploy(name: string, version: string, replicas?: number): Promise<ServiceState> {
    return this.#change(name, async (service) => {
      const count = checkReplicas(replicas ?? Math.max(1, service.replicas.length));
      await this.#replace(service, version, count);
      service.versions = [...service.versions, version];
    });
  }

  /** Brings back the version before this one. */
  rollback(name: string): Promise<ServiceState> {
    return this.#change(name, async (service) => {
      const version = service.versions.at(-2);
      if (version === undefined) throw new PlatformError(409, `${name} has no version before this one.`);
      await this.#replace(service, version, service.replicas.length);
      service.versions = service.versions.slice(0, -1);
    });
  }

  /** Starts more processes of the same version, or ends the newest. */
  scale(name: string, replicas: number): Promise<ServiceState> {
    return this.#change(name, async (service) => {
      const count = checkReplicas(replicas);
      const version = service.versions.at(-1) ?? "1.41.3";
      const missing = Math.max(0, count - service.replicas.length);
      const added = await this.#startReplicas(name, version, missing);
      const all = [...service.replicas, ...added];
      service.replicas = all.slice(0, count);
      service.proxy.use(service.replicas);
      await Promise.all(all.slice(count).map(retire));
    });
  }

  /** Ends everything that was started, and nothing else. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const service of this.#services.values()) {
      await service.queue.catch(() => undefined);
      await Promise.all(service.replicas.map((replica) => replica.stop(STOP_GRACE_MS)));
      await service.proxy.close();
    }
  }

  async #replace(service: Service, version: string, count: number): Promise<void> {
    const old = service.replicas;
    service.replicas = await this.#startReplicas(service.name, version, count);
    service.proxy.use(service.replicas);
    await Promise.all(old.map(retire));
  }

  async #startReplicas(service: string, version: string, count: number): Promise<Replica[]> {
    const spec = { service, version, env: this.#env };
    const started = await Promise.allSettled(Array.from({ length: count }, () => startReplica(spec)));
    const replicas = started.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    const failed = started.find((one) => one.status === "rejected");
    if (!failed && !this.#isClosed) return replicas;
    await Promise.all(replicas.map((replica) => replica.stop(STOP_GRACE_MS)));
    throw new PlatformError(503, failed ? String(failed.reason) : "The platform is shutting down.");
  }

  #change(name: string, work: (service: Service) => Promise<void>): Promise<ServiceState> {
    const service = this.#services.get(name);
    if (!service) {
      const known = [...this.#services.keys()].join(", ");
      return Promise.reject(new PlatformError(404, `There is no service "${name}". There are ${known}.`));
    }
    const done = service.queue
      .catch(() => undefined)
      .then(async () => {
        if (this.#isClosed) throw new PlatformError(503, "The platform is shutting down.");
        await work(service);
        return stateOf(service);
      });
    service.queue = done;
    return done;
  }
}

function stateOf({ name, versions, replicas, proxy }: Service): ServiceState {
  return {
    name,
    version: versions.at(-1) ?? "none",
    previousVersion: versions.at(-2) ?? null,
    replicas: replicas.length,
    pids: replicas.map(({ pid }) => pid),
    url: proxy.url,
  };
}

function checkReplicas(replicas: number): number {
  if (Number.isInteger(replicas) && replicas >= 1 && replicas <= MAX_REPLICAS) return replicas;
  throw new PlatformError(400, `${replicas} replicas cannot be: write a number from 1 to ${MAX_REPLICAS}.`);
}

/** Lets what is under way finish, then ends the process. */
async function retire(replica: Replica): Promise<void> {
  const deadline = Date.now() + DRAIN_MS;
  while (replica.inFlight > 0 && Date.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 20));
  await replica.stop(STOP_GRACE_MS);
}
