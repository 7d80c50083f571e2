import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type {
  ActionRun,
  Alert,
  Catalogue,
  Deployment,
  Explanation,
  Service,
  Silence,
  Slo,
  SloDetail,
  Status,
} from "./api-types.js";
import { ask } from "./collector.js";
import { remember } from "./history.js";
import { route } from "./route.js";

/** One thing that the page shows: the last good answer, and what went wrong since. Old data stays. */
export interface Shown<T> {
  readonly data: T | undefined;
  readonly error: string | undefined;
  readonly receivedAtMs: number | undefined;
}

const POLL_MS = 2_000;

const nothing = { data: undefined, error: undefined, receivedAtMs: undefined };

export const services = signal<Shown<readonly Service[]>>(nothing);
export const slos = signal<Shown<readonly Slo[]>>(nothing);
export const alerts = signal<Shown<readonly Alert[]>>(nothing);
export const silences = signal<Shown<readonly Silence[]>>(nothing);
export const actions = signal<Shown<readonly ActionRun[]>>(nothing);
export const catalogue = signal<Shown<Catalogue>>(nothing);
/** The alert that is looked at, with its evidence. */
export const explanation = signal<Shown<Explanation>>(nothing);
/** The SLO that is looked at, with where its budget went. */
export const sloDetail = signal<Shown<SloDetail>>(nothing);
/** Deployments of the service that is looked at. */
export const deployments = signal<Shown<readonly Deployment[]>>(nothing);
export const status = signal<Shown<Status>>(nothing);

/** Whether the page keeps itself up to date. */
export const isLive = signal(true);
/** The page's own clock, for ages. */
export const nowMs = signal(Date.now());

export const firing = computed(() =>
  (alerts.value.data ?? []).filter(
    // What has the severity none, such as a watchdog, is not for people.
    ({ state, labels }) =>
      (state === "firing" || state === "no-data" || state === "error") && labels.severity !== "none",
  ),
);

/** Since when the collector has not answered at all; undefined while it does. */
export const silentSinceMs: ReadonlySignal<number | undefined> = computed(() => {
  const all = [services.value, slos.value, alerts.value, actions.value];
  if (all.some(({ error }) => error === undefined)) return undefined;
  return Math.max(0, ...all.map(({ receivedAtMs }) => receivedAtMs ?? 0));
});

/** Starts to look every two seconds; a page in a background tab or one that is not live does not ask. */
export function startLive(): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isStopped = false;
  const tick = async (): Promise<void> => {
    nowMs.value = Date.now();
    if (isLive.value && document.visibilityState === "visible") await refresh();
    if (!isStopped) timer = setTimeout(() => void tick(), POLL_MS);
  };
  const onVisible = (): void => {
    if (document.visibilityState === "visible" && isLive.value) void refresh();
  };
  document.addEventListener("visibilitychange", onVisible);
  void tick();
  return () => {
    isStopped = true;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", onVisible);
  };
}

/** Looks once at everything. Each part fails alone. */
export async function refresh(): Promise<void> {
  await Promise.all([
    load(services, "/api/v1/services", isList).then(rememberServices),
    load(slos, "/api/v1/slos", isList),
    load(alerts, "/api/v1/alerts", isList),
    load(silences, "/api/v1/silences", isList),
    load(actions, "/api/v1/actions?limit=100", isList),
    load(catalogue, "/api/v1/actions/catalogue", isObject),
    loadDetail(),
    load(status, "/api/v1/status", isObject),
  ]);
  nowMs.value = Date.now();
}

/** What the signal of the page's detail was loaded from. */
let detailPath: string | undefined;

/** What only one page shows, of the one thing that it is about. */
async function loadDetail(): Promise<void> {
  const at = route.value;
  if (at.page === "alert")
    await loadOne(explanation, `/api/v1/alerts/${encodeURIComponent(at.name)}/explain`, isObject);
  if (at.page === "slo")
    await loadOne(sloDetail, `/api/v1/slos/${encodeURIComponent(at.name)}?${at.query}`, isObject);
  if (at.page === "service")
    await loadOne(deployments, `/api/v1/deployments?service=${encodeURIComponent(at.name)}`, isList);
}

/** Another thing than before is not shown with the figures of the one before. */
async function loadOne<T>(into: Signal<Shown<T>>, path: string, isValid: (value: unknown) => boolean) {
  if (detailPath !== path) into.value = nothing;
  detailPath = path;
  await load(into, path, isValid);
}

async function load<T>(
  into: Signal<Shown<T>>,
  path: string,
  isValid: (value: unknown) => boolean,
): Promise<void> {
  try {
    const data = await ask(path);
    if (!isValid(data))
      throw new Error(`${path} answered something unexpected. Is the page of another version?`);
    into.value = { data: data as T, error: undefined, receivedAtMs: Date.now() };
  } catch (thrown) {
    into.value = { ...into.value, error: thrown instanceof Error ? thrown.message : String(thrown) };
  }
}

function rememberServices(): void {
  const { data, receivedAtMs, error } = services.value;
  if (data && receivedAtMs !== undefined && error === undefined) remember(data, receivedAtMs);
}

/**
 * Sends what a person decided.
 *
 * @throws {Error} with the collector's own words
 */
export async function post(path: string, body: object): Promise<void> {
  await ask(path, body);
  await refresh();
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}

function isList(value: unknown): boolean {
  return Array.isArray(value);
}
