/**
 * Ends this process when the one that started it is gone, however it ended: the channel between them closes even
 * when the parent was killed with SIGKILL. Without a parent (started by hand) nothing is watched.
 */
export function endWithParent(close: () => Promise<void>): void {
  let isClosing = false;
  const end = (): void => {
    if (isClosing) return;
    isClosing = true;
    // A close that hangs must not leave the process behind.
    setTimeout(() => process.exit(0), 5_000).unref();
    void close().finally(() => process.exit(0));
  };
  if (process.channel) process.on("disconnect", end);
  process.on("SIGTERM", end);
  // Ctrl-C reaches the whole group of the terminal; the parent decides when this process ends.
  process.on("SIGINT", () => {
    if (!process.channel) end();
  });
}

/** Tells the parent something, if there is one that listens. */
export function tellParent(message: object): void {
  if (process.connected) process.send?.(message);
}
