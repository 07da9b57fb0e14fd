import { createHash } from "node:crypto";

import { Html, markup } from "./markup.ts";
import { SCRIPT } from "./page-script.ts";
import { STYLE } from "./page-style.ts";

/** What stands before the runs of a page that needs nothing but itself. */
export function pageHead(title: string): Html {
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${new Html(policy())}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${new Html(STYLE)}</style>
</head>
<body>
`;
}

export function pageFoot(): Html {
  return markup`<script>${new Html(SCRIPT)}</script>
</body>
</html>
`;
}

/** Our own style and script, by their digests, and nothing else: nothing is loaded, nothing is sent. */
function policy(): string {
  return `default-src 'none'; style-src ${digestOf(STYLE)}; script-src ${digestOf(SCRIPT)}; base-uri 'none'; form-action 'none'`;
}

function digestOf(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}
