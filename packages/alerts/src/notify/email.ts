import { messageOf, type UnixMs } from "@tocsin/model";
import { z } from "zod";
import { optionalSecret, secretFile, template } from "../config/fields.js";
import { hostPort } from "../config/global.js";
import { TlsConfig } from "../config/http-config.js";
import { AlertsError } from "../errors.js";
import type { TlsOptions } from "../http/client.js";
import { escapeHtml } from "../template/execute.js";
import { defineNotifier, type Notification, type NotifierDeps } from "./notifier.js";
import { commonFields, readTls, revealSecret } from "./notifier-config.js";
import { incidentKey, plainText } from "./wording.js";

const Config = z.strictObject({
  ...commonFields,
  to: template("").refine((to) => to !== "", "to: whom should the mail go to?"),
  from: template(),
  hello: z.string().optional(),
  smarthost: hostPort.optional(),
  auth_username: z.string().optional(),
  auth_password: optionalSecret(),
  auth_password_file: secretFile(),
  auth_secret: optionalSecret().describe("For CRAM-MD5; used like the password."),
  auth_secret_file: secretFile(),
  auth_identity: z.string().optional(),
  headers: z
    .record(z.string(), z.string())
    .default({})
    .superRefine((headers, context) => {
      const names = Object.keys(headers);
      const twice = names.find((name, index) =>
        names.slice(0, index).some((other) => other.toLowerCase() === name.toLowerCase()),
      );
      if (twice !== undefined)
        context.addIssue({ code: "custom", message: `the header "${twice}" is there twice.`, path: [twice] });
    }),
  html: template(),
  text: template(),
  require_tls: z.boolean().optional().describe("Refuse servers without STARTTLS. Default true."),
  tls_config: TlsConfig.optional(),
  force_implicit_tls: z.boolean().optional(),
  implicit_tls: z.boolean().optional(),
  threading: z
    .strictObject({
      enabled: z.boolean().default(true),
      thread_by_date: z.enum(["none", "daily"]).default("none"),
    })
    .optional(),
});
type Config = z.output<typeof Config>;

/** Mail by SMTP. Mails about one group form one thread. */
export const email = defineNotifier({
  type: "email",
  sendResolvedByDefault: false,
  limits: { ratePerSecond: 5, burst: 50, maxInFlight: 2 },
  config: Config,
  resolve(config, global) {
    const smarthost = config.smarthost ?? global.smtp_smarthost;
    const from = config.from ?? global.smtp_from;
    if (smarthost === undefined) return "no mail server: set smarthost here, or smtp_smarthost in global.";
    if (from === undefined) return "no sender: set from here, or smtp_from in global.";
    const hasPassword = config.auth_password ?? config.auth_password_file;
    const hasSecret = config.auth_secret ?? config.auth_secret_file;
    return {
      ...config,
      smarthost,
      from,
      hello: config.hello ?? global.smtp_hello,
      auth_username: config.auth_username ?? global.smtp_auth_username,
      ...(hasPassword
        ? {}
        : { auth_password: global.smtp_auth_password, auth_password_file: global.smtp_auth_password_file }),
      ...(hasSecret
        ? {}
        : { auth_secret: global.smtp_auth_secret, auth_secret_file: global.smtp_auth_secret_file }),
      require_tls: config.require_tls ?? global.smtp_require_tls,
      tls_config: config.tls_config ?? global.smtp_tls_config,
    };
  },
  create: (config, deps) => ({
    destination: `email ${config.smarthost}`,
    async notify(notification, signal) {
      const password =
        (await revealSecret(config.auth_password, config.auth_password_file)) ||
        (await revealSecret(config.auth_secret, config.auth_secret_file));
      // Loaded with the first mail: most collectors send none.
      const { createTransport } = await import("nodemailer");
      const transport = createTransport(transportOptions(config, password, await readTls(config.tls_config)));
      const stop = (): void => transport.close();
      signal.addEventListener("abort", stop, { once: true });
      try {
        await transport.sendMail(mailOf(config, deps, notification));
      } catch (error) {
        throw mailError(error, config.smarthost ?? "");
      } finally {
        signal.removeEventListener("abort", stop);
        transport.close();
      }
      return undefined;
    },
  }),
});

function transportOptions(config: Config, password: string, tls: TlsOptions | undefined) {
  const [, host = "", port = "25"] = /^(.*):([^:]+)$/.exec(config.smarthost ?? "") ?? [];
  const isImplicit = config.implicit_tls ?? config.force_implicit_tls ?? portOf(port) === 465;
  const name = config.auth_username ?? "";
  return {
    host: (host === "" ? "localhost" : host).replace(/^\[|\]$/g, ""),
    port: portOf(port),
    secure: isImplicit,
    requireTLS: !isImplicit && config.require_tls !== false,
    ignoreTLS: false,
    name: config.hello ?? "localhost",
    ...(name === "" ? {} : { auth: { user: name, pass: password } }),
    tls: {
      ...(tls?.ca === undefined ? {} : { ca: tls.ca }),
      ...(tls?.cert === undefined ? {} : { cert: tls.cert }),
      ...(tls?.key === undefined ? {} : { key: tls.key }),
      ...(tls?.serverName === undefined ? {} : { servername: tls.serverName }),
      ...(tls?.insecureSkipVerify ? { rejectUnauthorized: false } : {}),
    },
    connectionTimeout: 10_000,
    greetingTimeout: 10_000,
    socketTimeout: 20_000,
    // Nothing of a message may make the library open files or URLs.
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}

/** Names of ports that mail servers are known by. */
const PORTS: Readonly<Record<string, number>> = { smtp: 25, smtps: 465, submissions: 465, submission: 587 };

function portOf(written: string): number {
  return PORTS[written] ?? Number(written);
}

function mailOf(config: Config, deps: NotifierDeps, notification: Notification) {
  const { templates } = deps;
  const five = templates.fiveLines(notification);
  const { Subject, subject: lower, ...headers } = config.headers;
  const subject = Subject ?? lower;
  // All mails of one group refer to one message that need not exist: mail programs show them as a thread.
  const day = config.threading?.thread_by_date === "daily" ? `.${isoDay(notification.createdAtMs)}` : "";
  const thread = `<${incidentKey(notification).slice(0, 32)}${day}@tocsin>`;
  const hasOwnText = config.text !== undefined || config.html !== undefined;
  return {
    from: templates.text(config.from ?? "", notification),
    to: templates.text(config.to, notification),
    subject:
      subject === undefined ? five.title : templates.text(subject, notification).replace(/[\r\n]+/g, " "),
    messageId: `<${notification.id}@tocsin>`,
    ...(config.threading?.enabled === false ? {} : { references: thread, inReplyTo: thread }),
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [
        name,
        templates.text(value, notification).replace(/[\r\n]+/g, " "),
      ]),
    ),
    text:
      config.text !== undefined
        ? templates.text(config.text, notification)
        : hasOwnText
          ? undefined
          : plainText(five),
    html:
      config.html !== undefined
        ? templates.html(config.html, notification)
        : hasOwnText
          ? undefined
          : `${five.lines.map((line) => `<p>${escapeHtml(line)}</p>`).join("\n")}\n<p>${five.links
              .map(({ text, url }) => `<a href="${escapeHtml(url)}">${escapeHtml(text)}</a>`)
              .join(" · ")}</p>`,
  };
}

function isoDay(atMs: UnixMs): string {
  return new Date(atMs).toISOString().slice(0, 10);
}

/** 5xx answers to the mail itself will be the same next time; all else may pass. */
function mailError(error: unknown, server: string): AlertsError {
  const code = (error as { responseCode?: number }).responseCode ?? 0;
  const isFinal = code >= 500 && code < 600;
  return new AlertsError(
    isFinal ? "ALERTS_NOTIFY_REJECTED" : "ALERTS_NOTIFY_UNREACHABLE",
    `The mail server ${server} did not take the mail: ${messageOf(error)}. ${isFinal ? "Check addresses and credentials." : "It will be tried again."}`,
    { cause: error, retryable: !isFinal },
  );
}
