// A disk that fills up, and a directory that nobody may write to: both are said to senders, and healed from by themselves.
import { spawnSync } from "node:child_process";
import { chmod, chown, mkdir, mkdtemp, rm, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compare, drain, openFront } from "./front.mjs";
import { Sender } from "./sender.mjs";

const RECORD_BYTES = 20_000;
/** Somebody without the rights of the superuser, who may write everywhere. */
const NOBODY = 65_534;

export async function diskFull({ dir }) {
  const mount = join(dir, "small");
  await mkdir(mount, { recursive: true });
  if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", mount]).status !== 0) {
    return { skipped: "a small file system cannot be mounted here" };
  }
  try {
    const ballast = join(mount, "ballast");
    await writeFile(ballast, Buffer.alloc(1_000_000));
    return await refusedAndHealed(join(mount, "spool"), () => unlink(ballast));
  } finally {
    spawnSync("umount", [mount]);
  }
}

export async function readOnly() {
  if (process.platform === "win32") return { skipped: "directories have no such rights here" };
  const home = await mkdtemp(join(tmpdir(), "tocsin-faults-"));
  const dir = join(home, "spool");
  const isRoot = process.geteuid() === 0;
  try {
    await mkdir(dir);
    if (isRoot) {
      await chmod(home, 0o755);
      await chown(dir, NOBODY, NOBODY);
      process.seteuid(NOBODY);
    }
    return await refusedAndHealed(
      dir,
      () => chmod(dir, 0o700),
      () => chmod(dir, 0o500),
    );
  } finally {
    if (isRoot) process.seteuid(0);
    await rm(home, { recursive: true, force: true });
  }
}

/** Sends until it is refused, sees that it is refused as long as the fault lasts, cures it, and sends again. */
async function refusedAndHealed(dir, cure, fault = async () => {}) {
  const sender = new Sender();
  const options = { segmentBytes: 256 * 1024, maxBytes: 64 * 1024 * 1024 };
  let front = await openFront(dir, options);
  const acknowledged = [];
  let sent = 0;
  let refusal;
  const send = async () => {
    const name = `record ${sent++} `.padEnd(RECORD_BYTES, "x");
    const answer = await sender.send(front.port, [name]);
    if (answer.status === 200) acknowledged.push(name);
    return answer;
  };
  try {
    // The file that is open then may still be written to.
    for (let index = 0; index < 3; index++) await send();
    await fault();
    while (refusal === undefined && sent < 1_000) {
      const answer = await send();
      if (answer.status !== 200) refusal = answer;
    }
    const later = [];
    for (let again = 0; again < 50; again++) later.push((await send()).status);
    await cure();
    const healed = await send();
    await front.close();
    front = await openFront(dir, options);
    const found = await drain(front.spool);
    const wrong = later.filter((status) => status !== 503).length;
    return {
      ...compare(acknowledged, found),
      counts: {
        acknowledged: acknowledged.length,
        refused: sent - acknowledged.length,
        unacknowledgedKept: found.filter((name) => !acknowledged.includes(name)).length,
      },
      problem:
        refusal?.status !== 503 || refusal.retryAfter === undefined
          ? `refused with ${refusal?.status} and Retry-After ${refusal?.retryAfter}, not 503`
          : wrong > 0
            ? `${wrong} of 50 answers while it lasted were not 503: ${[...new Set(later)]}`
            : healed.status !== 200
              ? `answered ${healed.status} after it was healed`
              : undefined,
    };
  } finally {
    sender.close();
    await front.close();
  }
}
