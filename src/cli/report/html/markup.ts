import { printable } from "../../terminal/printable.ts";

/** Text that is HTML already. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Part = Html | string | number | readonly Part[];

/**
 * HTML whose values are escaped, whatever they hold and wherever they stand: as text or in a quoted attribute. What cannot be
 * seen, or changes the direction of writing, is made visible, as on a terminal. Values that are `Html` stay.
 */
export function markup(strings: TemplateStringsArray, ...values: readonly Part[]): Html {
  return new Html(
    strings
      .map(
        (text, index) =>
          text.replaceAll(INDENT, "\n") + (index < values.length ? textOf(values[index] ?? "") : ""),
      )
      .join(""),
  );
}

/** Of the source code. */
const INDENT = /\n\s+/gu;

function textOf(value: Part): string {
  if (value instanceof Html) return value.text;
  if (typeof value === "object") return value.map((each) => textOf(each)).join("");
  return printable(String(value)).replace(/[&<>"'`]/gu, (found) => `&#${found.charCodeAt(0)};`);
}
