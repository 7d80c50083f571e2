import { discord } from "./discord.js";
import { email } from "./email.js";
import { incidentio } from "./incidentio.js";
import { jira } from "./jira.js";
import { log } from "./log.js";
import { mattermost } from "./mattermost.js";
import type { NotifierDefinition } from "./notifier.js";
import { opsgenie } from "./opsgenie.js";
import { pagerduty } from "./pagerduty.js";
import { pushover } from "./pushover.js";
import { rocketchat } from "./rocketchat.js";
import { slack } from "./slack.js";
import { sns } from "./sns.js";
import { msteams, msteamsv2 } from "./teams.js";
import { telegram } from "./telegram.js";
import { victorops } from "./victorops.js";
import { webex } from "./webex.js";
import { webhook } from "./webhook.js";
import { wechat } from "./wechat.js";

/** Every notifier that there is; the config's schema and the docs are derived from this list. */
export const NOTIFIERS: readonly NotifierDefinition[] = [
  webhook,
  slack,
  pagerduty,
  opsgenie,
  email,
  msteamsv2,
  msteams,
  discord,
  telegram,
  sns,
  victorops,
  pushover,
  webex,
  wechat,
  rocketchat,
  mattermost,
  jira,
  incidentio,
  log,
];
