/** What was started, to be ended in the reverse order. */
export class Closers {
  readonly #all: { name: string; close: () => Promise<void> | void }[] = [];
  #closing: Promise<void> | undefined;

  /** Remembers how to end something, and hands it back. */
  add<T extends { close(): Promise<void> | void }>(name: string, part: T): T {
    this.#all.push({ name, close: () => part.close() });
    return part;
  }

  /** Ends everything once, the last started first; a part that fails to end does not keep the others. */
  close(onError: (name: string, error: unknown) => void): Promise<void> {
    this.#closing ??= this.#close(onError);
    return this.#closing;
  }

  async #close(onError: (name: string, error: unknown) => void): Promise<void> {
    for (const { name, close } of this.#all.reverse()) {
      try {
        await close();
      } catch (error) {
        onError(name, error);
      }
    }
  }
}
