// How long a receiver waits for its notifications beside one that misbehaves, against how long it waits beside a healthy one.
// Both are measured at the same time, so that the machine is as busy for one as for the other.
import { once } from "node:events";
import { join } from "node:path";
import { BEHAVIOURS, kill, median, receiver, startChild, until } from "./alerts-kit.mjs";

/** A tenth; below that many milliseconds it is the scheduler that is measured. */
const RATIO = 1.1;
const NOISE_MS = 3;
/** One unlucky measurement proves nothing; a delay that is there is there each time. */
const TRIES = 3;

export async function delayDrill(dir, count) {
  const faults = [];
  const medians = {};
  for (const behaviour of BEHAVIOURS.slice(1)) {
    let pair;
    let tries = 0;
    do {
      tries++;
      const [beside, calm] = await Promise.all([
        delays(join(dir, `delay-${behaviour}-${tries}.log`), behaviour, count),
        delays(join(dir, `delay-${behaviour}-${tries}-calm.log`), "ok", count),
      ]);
      pair = { calmMs: median(calm), besideMs: median(beside), told: beside.length };
    } while (!isUnchanged(pair, count) && tries < TRIES);
    medians[behaviour] = pair;
    if (pair.told < count) faults.push(`beside ${behaviour}: ${pair.told} of ${count} were told`);
    else if (!isUnchanged(pair, count))
      faults.push(`beside ${behaviour}: ${pair.besideMs} ms, ${pair.calmMs} ms beside a healthy one`);
  }
  return { faults, medians };
}

function isUnchanged({ calmMs, besideMs, told }, count) {
  return told === count && besideMs <= Math.max(calmMs * RATIO, calmMs + NOISE_MS);
}

/** Delays of a good receiver's notifications, in ms, while another one behaves as told, always. */
async function delays(journal, behaviour, count) {
  const bad = await receiver(Array.from({ length: 100_000 }, () => behaviour));
  const good = await receiver();
  const child = startChild({
    journal,
    receivers: { bad: bad.url, good: good.url },
    script: "stream",
    count,
  });
  await once(child, "message");
  await until(() => good.accepted.length >= count, 5_000 + count * 100);
  await kill(child);
  await Promise.all([bad.close(), good.close()]);
  return good.accepted.slice(0, count).map(({ atMs, commonLabels }) => atMs - Number(commonLabels.at));
}
