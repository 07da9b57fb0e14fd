/** `whiskers new`: from nothing to the first object, in the languages that need no toolchain. */
import { describe } from "node:test";

import { beginsQuickly } from "../fixtures/begins-quickly.ts";

describe("whiskers new", { concurrency: 1 }, () => {
  for (const language of ["python", "typescript", "php", "shell"]) beginsQuickly(language, false);
});
