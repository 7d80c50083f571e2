/** A library as far as the report needs it: its version is read only when asked for. */
interface Versioned {
  version(): string | undefined;
}

/**
 * Which libraries are watched, and which are not and why.
 *
 * The line at start tells of all that is known by then. What is found out later, as libraries are loaded when they are first
 * used, is told when it is: once for each, what is missed to everyone and what is watched to those who want to know more.
 */
export class Watched {
  readonly patched = new Set<string>();
  readonly missed = new Map<string, string>();
  private readonly told = new Set<string>();
  private readonly voice: { info(text: string): void; readonly isDebug: boolean; debug(text: string): void };
  private isIntroduced = false;

  constructor(voice: Watched["voice"]) {
    this.voice = voice;
  }

  /** A library is watched, which settles what was said against it. */
  note(name: string, library?: Versioned): void {
    this.missed.delete(name);
    if (this.patched.has(name)) return;
    this.patched.add(name);
    if (this.voice.isDebug) this.voice.debug(`watching ${[name, library?.version() ?? ""].join(" ").trim()}`);
  }

  /** A library is not watched, unless another part of it is already. */
  noteMissed(name: string, why: string): void {
    if (this.patched.has(name) || this.missed.has(name)) return;
    this.missed.set(name, why);
    // Its other files follow at once, and may be known.
    queueMicrotask(() => {
      if (this.isIntroduced && this.missed.has(name)) this.tell(name, why);
    });
  }

  private tell(name: string, why: string): void {
    if (this.told.has(name)) return;
    this.told.add(name);
    this.voice.info(missedText(name, why));
  }

  /** The line at start is being said, and tells of all that was found out so far. */
  introduced(): void {
    this.isIntroduced = true;
    for (const name of this.missed.keys()) this.told.add(name);
  }
}

/** How a library that is not watched is told of. */
export function missedText(name: string, why: string): string {
  return `not ${name}: ${why}`;
}
