import type { Clock } from "@tocsin/model";
import { messageOf } from "@tocsin/model";
import type { Notification } from "../notify/notifier.js";
import { DEFAULT_TEMPLATES } from "./default-templates.js";
import { collectTemplates, executeTemplate, type NamedTemplate } from "./execute.js";
import { fiveLines } from "./five-lines.js";
import { notificationData, notificationFunctions } from "./notification-data.js";

/** Renders the texts of notifications. */
export interface MessageTemplates {
  /**
   * Expands a Go template with Alertmanager's data (`.Status`, `.Alerts`, `.CommonLabels`, …) and functions.
   * A template that fails does not fail the message: its place and fault are put where its text would have been.
   */
  text(template: string, notification: Notification): string;
  /** Like `text`, but values are escaped for HTML. */
  html(template: string, notification: Notification): string;
  /** Tocsin's five lines: what, how bad, since when and what changed, where, what may be done. */
  fiveLines(notification: Notification): FiveLines;
}

export interface FiveLines {
  /** One line for subjects and titles. */
  readonly title: string;
  /** Up to five lines, plain text, most important first. */
  readonly lines: readonly string[];
  readonly links: readonly { readonly text: string; readonly url: string }[];
}

/**
 * @param sources texts of template files, as listed under `templates:`; later ones win
 * @throws {AlertsError} ALERTS_TEMPLATE_INVALID when a source does not parse
 */
export function createMessageTemplates(sources: readonly string[], clock: Clock): MessageTemplates {
  const templates = new Map<string, NamedTemplate>();
  for (const source of [DEFAULT_TEMPLATES, ...sources]) collectTemplates(source, templates);
  const render = (template: string, notification: Notification, isHtml: boolean): string => {
    const environment = { functions: notificationFunctions(clock.now()), templates, isHtml };
    try {
      return executeTemplate(template, notificationData(notification), environment);
    } catch (error) {
      const text = `[template fault at ${messageOf(error)}] ${fiveLines(notification, clock.now()).lines.join("\n")}`;
      // Words of alerts are no marks, or a receiver of HTML refuses the whole.
      return isHtml ? text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;") : text;
    }
  };
  return {
    text: (template, notification) => render(template, notification, false),
    html: (template, notification) => render(template, notification, true),
    fiveLines: (notification) => fiveLines(notification, clock.now()),
  };
}
