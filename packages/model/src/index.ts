export { type Cancel, type Clock, every, systemClock, type UnixMs } from "./clock.js";
export { formatDuration, parseDuration } from "./duration.js";
export { messageOf, TocsinError } from "./errors.js";
export { formatLabels, type Labels, labelsKey } from "./labels.js";
export { type Logger, silentLogger } from "./logger.js";
export { nearestName } from "./nearest-name.js";
