// In `dist/on-demand/exporters.cjs` this stands in for Node's own: timers of exporters, such as the wait before another
// attempt, must not keep a service alive that has nothing left to do.
const { setTimeout: original } = globalThis;

const quiet = (...args: Parameters<typeof original>): NodeJS.Timeout => original(...args).unref();

export { quiet as setTimeout };
