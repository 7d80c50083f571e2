/** What a converted document looks like before it is written as YAML. */
export type PlainDocument = Readonly<Record<string, unknown>>;

/** The key with its value, unless there is none. */
export function given(key: string, value: unknown): PlainDocument {
  return value === undefined || value === "" ? {} : { [key]: value };
}
