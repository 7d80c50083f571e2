/** The parts of the collector's API that the story looks at. */
export interface CollectorView {
  readonly atMs: number;
  readonly services: readonly ServiceView[];
  readonly slos: readonly SloView[];
  readonly actions: readonly ActionView[];
}

interface ServiceView {
  readonly service: string;
  readonly trafficPerSecond: number;
  readonly errorRatio: number | null;
  readonly latencySeconds: { readonly p95: number | null } | null;
}

interface SloView {
  readonly name: string;
  readonly budgetRemainingRatio: number | null;
  readonly burnRates: Readonly<Record<string, number | null>>;
}

interface ActionView {
  readonly id: string;
  readonly action: string;
  readonly state: string;
  readonly plan: { readonly summary: string } | null;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly message: string | null;
  readonly verdict: string | null;
  readonly verdictReason: string | null;
  readonly verifiedAt: string | null;
}

/** Looks at the collector once. @returns undefined when it does not answer, which the story survives */
export async function look(url: string, signal: AbortSignal): Promise<CollectorView | undefined> {
  const get = async (path: string): Promise<unknown> => {
    const response = await fetch(`${url}${path}`, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(2_000)]),
    });
    if (!response.ok) throw new Error(`${path} answered ${response.status}`);
    return response.json();
  };
  try {
    const [services, slos, actions] = await Promise.all(
      ["services", "slos", "actions"].map((name) => get(`/api/v1/${name}`)),
    );
    return {
      atMs: Date.now(),
      services: services as ServiceView[],
      slos: slos as SloView[],
      actions: actions as ActionView[],
    };
  } catch {
    return undefined;
  }
}
