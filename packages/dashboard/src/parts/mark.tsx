/** How something is: never by colour alone. The shape is coloured; the word beside it has the ink of all text. */
export type Tone = "ok" | "warn" | "page" | "none" | "acting";

const SHAPES: Readonly<Record<Tone, string>> = { ok: "●", warn: "▲", page: "◆", none: "○", acting: "⟳" };

export function Mark({ tone, word }: { tone: Tone; word: string }) {
  return (
    <span class="mark">
      <span class={tone} aria-hidden="true">
        {SHAPES[tone]}
      </span>{" "}
      {word}
    </span>
  );
}
