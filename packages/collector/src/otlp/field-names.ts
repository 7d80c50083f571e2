import type { Field, Message } from "./schema.js";
import { KeyFinder } from "./wanted-keys.js";
import { viewOf } from "./wire.js";

/** The fields of a message by the bytes of their names. */
export interface FieldNames {
  readonly finder: KeyFinder;
  readonly fields: readonly Field[];
  /** Each name with the quote that ends it. */
  readonly quoted: readonly DataView[];
  /** Which field came last time behind which; the first place is for the first field. */
  readonly following: Int16Array;
}

const NAMES = new WeakMap<Message, FieldNames>();

/** Made once for each of the few messages there are. */
export function namesOf(message: Message): FieldNames {
  let names = NAMES.get(message);
  if (names === undefined) {
    const keys = [...message.byName.keys()];
    names = {
      finder: new KeyFinder(keys),
      fields: [...message.byName.values()],
      quoted: keys.map((key) => viewOf(Buffer.from(`${key}"`))),
      following: new Int16Array(keys.length + 1).fill(-1),
    };
    NAMES.set(message, names);
  }
  return names;
}
