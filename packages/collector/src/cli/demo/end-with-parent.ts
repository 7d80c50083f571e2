// Loaded before a collector that the demo starts (`node --import`): when the demo is gone, however it ended, the
// channel between the two closes and the collector ends as on Ctrl-C.
if (process.channel) {
  process.on("disconnect", () => {
    process.kill(process.pid, "SIGTERM");
    // One that cannot end cleanly in time ends all the same.
    setTimeout(() => process.exit(1), 8_000).unref();
  });
  // Watching must not be what keeps it alive.
  process.channel.unref();
}
