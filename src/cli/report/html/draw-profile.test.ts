import assert from "node:assert/strict";
import { test } from "node:test";

import { drawProfile } from "./draw-profile.ts";

test("phases lie one after another, as wide as they were long; what took no time is not there", () => {
  const { text } = drawProfile([
    { name: "open", ms: 30 },
    { name: "fetch", ms: 0 },
    { name: "run", ms: 10 },
  ]);
  const boxes = [...text.matchAll(/<rect class="(\w+)" x="([\d.]+)" y="(\d+)" width="([\d.]+)"/gu)];
  assert.deepEqual(
    boxes.map(([, kind, x, y, width]) => [kind, Number(x), Number(y), Number(width)]),
    [
      ["whole", 0, 0, 719.5],
      ["even", 0, 20, 539.5],
      ["odd", 540, 20, 179.5],
    ],
  );
  assert.match(text, /aria-label="open 30 ms, run 10 ms"/u);
  assert.match(text, /<title>run: 10 ms, 25 %<\/title/u);
});

test("nothing is drawn of what took no time at all", () => {
  assert.equal(drawProfile([{ name: "run", ms: 0 }]).text, "");
});
