import type { ComponentChildren } from "preact";

/** A table that may be wider than the page: it scrolls by itself, and the keyboard can scroll it. */
export function WideTable({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for form fields, this holds a table
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
    <div class="scroll" role="group" aria-label={label} tabIndex={0}>
      <table>{children}</table>
    </div>
  );
}

/** Names of columns, in order; those of numbers stand at the right, as the numbers do. */
export function TableHead({ columns }: { columns: readonly (string | { number: string })[] }) {
  return (
    <thead>
      <tr>
        {columns.map((column) => {
          const [name, className] = typeof column === "string" ? [column] : [column.number, "n"];
          return (
            <th scope="col" class={className} key={name}>
              {name}
            </th>
          );
        })}
      </tr>
    </thead>
  );
}
