import { z } from "zod";
import { parseDuration } from "../duration.js";
import { messageOf } from "../errors.js";

/** A Prometheus duration such as `30d` or `1h30m`, read into milliseconds. */
export function duration() {
  return z
    .union([z.string(), z.literal(0)])
    .transform((text, context) => {
      try {
        return parseDuration(String(text));
      } catch (error) {
        context.addIssue({ code: "custom", message: messageOf(error) });
        return z.NEVER;
      }
    })
    .meta({ description: "A duration such as 30d, 1h30m or 500ms." });
}

const SIZE_UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** A size such as `512MB` or `2GiB`, or a number of bytes, read into bytes. */
export function size() {
  return z
    .union([z.string(), z.number().int().nonnegative()])
    .transform((text, context) => {
      if (typeof text === "number") return text;
      const match = /^(\d+(?:\.\d+)?)\s*([KMGT]i?B|B)$/.exec(text);
      if (match) return Math.round(Number(match[1]) * (SIZE_UNITS[match[2] ?? "B"] ?? 1));
      context.addIssue({
        code: "custom",
        message: `"${text}" is not a size. Write 512MB, 2GiB or a number of bytes.`,
      });
      return z.NEVER;
    })
    .meta({ description: "A size such as 512MB or 2GiB, or a number of bytes." });
}

/**
 * A ratio written as `0.999` or as `99.9%`, read into 0–1.
 */
export function ratio() {
  return z
    .union([z.string(), z.number()])
    .transform((written, context) => {
      const percent = typeof written === "string" ? /^(\d+(?:\.\d+)?)\s*%$/.exec(written) : null;
      // Dividing the decimal text, not the binary number, keeps 99.9 % exactly 0.999.
      const value = percent ? Number(`${percent[1]}e-2`) : Number(written);
      if (Number.isFinite(value) && value >= 0 && value <= 1) return value;
      const hint =
        typeof written === "number" && written > 1
          ? ` Write "${written}%" or ${Number(`${written}e-2`)}.`
          : "";
      context.addIssue({
        code: "custom",
        message: `${JSON.stringify(written)} is not a ratio between 0 and 1.${hint}`,
      });
      return z.NEVER;
    })
    .meta({ description: "A ratio: 0.999 or 99.9%." });
}

/** A secret that prints as `<secret>` wherever it is shown; `reveal()` gives the value to the one place that needs it. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return "<secret>";
  }

  toJSON(): string {
    return "<secret>";
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return "<secret>";
  }
}

/** A secret written in the file, usually as `${NAME}`. */
export function secret() {
  return z
    .string()
    .transform((value) => new Secret(value))
    .meta({ description: "A secret; best given as ${NAME} from the environment." });
}
