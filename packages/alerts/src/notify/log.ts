import { z } from "zod";
import { defineNotifier } from "./notifier.js";
import { commonFields } from "./notifier-config.js";

/** Writes to the collector's own log. What is used when nothing else is configured, so that no alert is mute. */
export const log = defineNotifier({
  type: "log",
  sendResolvedByDefault: true,
  limits: { ratePerSecond: 1_000, burst: 1_000, maxInFlight: 8 },
  config: z.strictObject({ ...commonFields }),
  create(_config, deps) {
    return {
      destination: "log",
      async notify(notification) {
        const { title, lines } = deps.templates.fiveLines(notification);
        const fields = { receiver: notification.receiver, group: notification.groupKey, title, lines };
        if (notification.status === "firing") deps.logger.warn(fields, "alert fires");
        else deps.logger.info(fields, "alert resolved");
        return undefined;
      },
    };
  },
});
