import { columnsOf, cut } from "./columns.ts";

/**
 * Text broken between words into lines of at most so many columns, behind `head` and then below its end.
 * What is longer than `mostLines` is cut off, shown as `…`. The text is printable already.
 */
export function wrap(head: string, text: string, columns: number, mostLines = 20): readonly string[] {
  const indent = " ".repeat(columnsOf(head));
  const room = Math.max(20, columns - indent.length);
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && columnsOf(line) + 1 + columnsOf(word) > room) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  lines.push(line);
  const shown = lines.slice(0, mostLines);
  if (lines.length > shown.length) shown.push(`${shown.pop() ?? ""} …`);
  return shown.map((each, index) => (index === 0 ? head : indent) + cut(each, room));
}
