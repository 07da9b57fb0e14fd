/** One fenced block of a Markdown file. */
export interface DocBlock {
  readonly language: string;
  /** Of the `title="…"` in the fence: the file that the block is. */
  readonly title: string | null;
  readonly text: string;
  /** Line of the opening fence, 1-based. */
  readonly line: number;
}

/** Every fenced block of a Markdown text, in order. Fences of three backticks, as CommonMark has them. */
export function docBlocks(markdown: string): readonly DocBlock[] {
  const blocks: DocBlock[] = [];
  const fence = /^```(?<language>[a-z]*)(?<info>[^\n]*)\n(?<text>.*?)^```$/gmsu;
  for (const match of markdown.matchAll(fence)) {
    blocks.push({
      language: match.groups?.["language"] ?? "",
      title: /title="(?<title>[^"]+)"/u.exec(match.groups?.["info"] ?? "")?.groups?.["title"] ?? null,
      text: match.groups?.["text"] ?? "",
      line: markdown.slice(0, match.index).split("\n").length,
    });
  }
  return blocks;
}
