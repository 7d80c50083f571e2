import { useRef, useState } from "preact/hooks";
import type { SilencePreview } from "../state/api-types.js";
import { ask } from "../state/collector.js";
import { post } from "../state/live.js";
import { BY, FormDialog } from "./form-dialog.js";
import { SilencePreviewText } from "./silence-preview.js";

/** An answer older than the latest question is not shown. */
type Shown = SilencePreview | { readonly error: string } | undefined;

const TYPING_MS = 250;

const LENGTHS = ["30m", "1h", "2h", "4h", "8h", "1d", "3d", "7d"];

/**
 * Makes a silence. While it is written, the collector says what it would mute and which silences are much the same; it
 * needs an end, a reason and a name.
 */
export function SilenceDialog(props: {
  readonly title: string;
  /** One a line. */
  readonly matchers?: string;
  readonly opener?: string;
}) {
  const [preview, setPreview] = useState<Shown>();
  const asked = useRef({ matchers: "", timer: undefined as ReturnType<typeof setTimeout> | undefined });
  const look = ({ matchers = "" }: Readonly<Record<string, string>>): void => {
    asked.current.matchers = matchers;
    clearTimeout(asked.current.timer);
    if (linesOf(matchers).length === 0) {
      setPreview(undefined);
      return;
    }
    asked.current.timer = setTimeout(async () => {
      const answer = await ask("/api/v1/silences/preview", { matchers: linesOf(matchers) }).then(
        (found) => found as SilencePreview,
        (error: unknown) => ({ error: error instanceof Error ? error.message : String(error) }),
      );
      if (asked.current.matchers === matchers) setPreview(answer);
    }, TYPING_MS);
  };
  return (
    <FormDialog
      title={props.title}
      opener={props.opener ?? "Silence"}
      onInput={look}
      fields={[
        {
          name: "matchers",
          label: "What to mute",
          isRequired: true,
          isLong: true,
          value: props.matchers ?? "",
          hint: 'Matchers, one a line: service="cart", severity=~"page|ticket", env!="prod"',
        },
        {
          name: "for",
          label: "How long",
          isRequired: true,
          value: "2h",
          choices: LENGTHS,
          hint: "From now, such as 30m, 2h or 1d.",
        },
        {
          name: "every",
          label: "Only at these times (optional)",
          hint: `Such as "sunday 02:00-04:00" or "mon-fri 22:00-06:00", in ${zone()}.`,
        },
        { name: "comment", label: "Reason", isRequired: true },
        BY,
      ]}
      footer={<SilencePreviewText preview={preview} />}
      send={({ matchers = "", every = "", ...values }) =>
        post("/api/v1/silences", {
          matchers: linesOf(matchers),
          ...(every.trim() === "" ? {} : { every, zone: zone() }),
          ...values,
        })
      }
    />
  );
}

/** The matchers that mute alerts with these labels, one a line. */
export function matchersOf(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(
      ([name, value]) =>
        `${/^[a-zA-Z_]\w*$/.test(name) ? name : JSON.stringify(name)}=${JSON.stringify(value)}`,
    )
    .join("\n");
}

function linesOf(matchers: string): string[] {
  return matchers
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

function zone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}
