import { z } from "zod";
import { AwsCredentialSource } from "../aws/credentials.js";
import { signAws } from "../aws/signature.js";
import { httpUrl, optionalSecret, template } from "../config/fields.js";
import { defineNotifier, type Notification, type NotifierDeps } from "./notifier.js";
import { configuredHttp, ensureAccepted, httpFields } from "./notifier-config.js";
import { cut, cutBytes, fullTextUrl, incidentKey, plainText, worded } from "./wording.js";

const Config = z
  .strictObject({
    ...httpFields,
    api_url: httpUrl().optional(),
    sigv4: z
      .strictObject({
        region: z.string().optional(),
        access_key: z
          .string()
          .optional()
          .describe("Without one, keys are looked for where AWS's own programs do."),
        secret_key: optionalSecret(),
        session_token: optionalSecret(),
        profile: z.string().optional(),
        role_arn: z.string().optional(),
        use_fips_sts_endpoint: z.boolean().optional(),
      })
      .prefault({}),
    topic_arn: z.string().optional(),
    phone_number: z.string().optional(),
    target_arn: z.string().optional(),
    subject: template(),
    message: template(),
    attributes: z.record(z.string(), z.string()).default({}),
  })
  .superRefine((config, context) => {
    const fail = (message: string, path: string[] = []): void =>
      context.addIssue({ code: "custom", message, path });
    if (
      [config.topic_arn, config.phone_number, config.target_arn].filter((each) => each !== undefined)
        .length !== 1
    )
      fail("exactly one of topic_arn, phone_number or target_arn must be configured.");
    const { access_key, secret_key } = config.sigv4;
    if ((access_key === undefined) !== (secret_key === undefined))
      fail("access_key and secret_key belong together.", ["sigv4"]);
  });
type Config = z.output<typeof Config>;

function arnRegion(config: {
  topic_arn?: string | undefined;
  target_arn?: string | undefined;
}): string | undefined {
  return (config.topic_arn ?? config.target_arn)?.split(":")[3] || undefined;
}

/** Amazon SNS: publishes to a topic, an endpoint or a phone. */
export const sns = defineNotifier({
  type: "sns",
  sendResolvedByDefault: true,
  limits: { ratePerSecond: 30, burst: 100, maxInFlight: 8 },
  config: Config,
  create(config, deps) {
    const http = configuredHttp(config.http_config, deps);
    const region =
      config.sigv4.region ??
      arnRegion(config) ??
      /sns\.([\w-]+)\./.exec(config.api_url ?? "")?.[1] ??
      "us-east-1";
    const url = new URL(config.api_url ?? `https://sns.${region}.amazonaws.com/`);
    const { access_key, secret_key, session_token, profile, role_arn } = config.sigv4;
    const keys = access_key !== undefined &&
      secret_key && {
        accessKeyId: access_key,
        secretAccessKey: secret_key.reveal(),
        sessionToken: session_token?.reveal(),
      };
    const credentials = new AwsCredentialSource(
      { region, keys: keys || undefined, profile, roleArn: role_arn },
      http,
      deps.clock,
      process.env,
    );
    return {
      destination: `sns ${config.topic_arn ?? config.target_arn ?? "phone"}`,
      async notify(notification, signal) {
        const body = bodyOf(config, deps, notification);
        const headers = { "content-type": "application/x-www-form-urlencoded; charset=utf-8" };
        const keys = await credentials.get(signal);
        const response = await http.request({
          url: url.href,
          headers: signAws(
            { url: url.href, method: "POST", body, headers },
            keys,
            { region, service: "sns" },
            deps.clock.now(),
          ),
          body,
          signal,
        });
        const [, code = "", message = ""] =
          /<Code>(.*?)<\/Code>\s*<Message>(.*?)<\/Message>/s.exec(response.body) ?? [];
        // AWS answers 400 also when it is sent too much.
        const status = code.startsWith("Throttl") ? 429 : response.status;
        ensureAccepted("Amazon SNS", { ...response, status }, deps.clock.now(), {
          detail: code && `${code}: ${message}`,
        });
        return undefined;
      },
    };
  },
});

/** Of message and attributes together. */
const MAX_BYTES = 262_144;

function bodyOf(config: Config, deps: NotifierDeps, notification: Notification): string {
  const { templates } = deps;
  const text = (template: string): string => templates.text(template, notification);
  const form = new URLSearchParams({ Action: "Publish", Version: "2010-03-31" });
  if (config.topic_arn !== undefined) form.set("TopicArn", text(config.topic_arn));
  if (config.target_arn !== undefined) form.set("TargetArn", text(config.target_arn));
  if (config.phone_number !== undefined) form.set("PhoneNumber", text(config.phone_number));
  // An attribute without a value is refused.
  const attributes = Object.entries(config.attributes)
    .map(([name, value]) => [name, text(value)] as const)
    .filter(([, value]) => value !== "");
  const message = worded(templates, notification, config.message, plainText).trim() || "(no details)";
  const link = fullTextUrl(notification);
  const attributeBytes = attributes.reduce(
    (sum, pair) => sum + Buffer.byteLength(`${pair.join("")}String`),
    0,
  );
  const isPhone = config.phone_number !== undefined;
  form.set(
    "Message",
    isPhone
      ? cut(message, 1_600, link)
      : cutBytes(message, Math.max(1_000, MAX_BYTES - attributeBytes), link),
  );
  // Subjects are ASCII, begin with a letter or digit and have less than 100 characters.
  const subject = worded(templates, notification, config.subject, ({ title }) => title)
    .trim()
    .replace(/[^\x20-\x7e]/g, "?");
  if (!isPhone && subject !== "") form.set("Subject", subject.slice(0, 99));
  if (config.topic_arn?.endsWith(".fifo")) {
    form.set("MessageGroupId", incidentKey(notification));
    form.set("MessageDeduplicationId", notification.id);
  }
  for (const [index, [name, value]] of attributes.entries()) {
    const prefix = `MessageAttributes.entry.${index + 1}`;
    form.set(`${prefix}.Name`, name);
    form.set(`${prefix}.Value.DataType`, "String");
    form.set(`${prefix}.Value.StringValue`, value);
  }
  return form.toString();
}
