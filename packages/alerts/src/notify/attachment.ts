import { z } from "zod";
import { requiredTemplate } from "../config/fields.js";

/** A small table inside a message, as Slack, Rocket.Chat and Mattermost have it. */
export const AttachmentField = z.strictObject({
  title: requiredTemplate("a field needs a title."),
  value: requiredTemplate("a field needs a value."),
  short: z.boolean().optional(),
});

/** The fields with their texts made. */
export function attachmentFields(
  fields: readonly z.output<typeof AttachmentField>[],
  text: (written: string) => string,
  areShort = false,
) {
  return fields.map(({ title, value, short }) => ({
    title: text(title),
    value: text(value),
    short: short ?? areShort,
  }));
}
