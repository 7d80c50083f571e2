import type { Notification } from "../notify/notifier.js";

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
