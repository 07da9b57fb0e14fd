/** `whiskers new` in the languages that are compiled. */
import { describe } from "node:test";

import { missingToolchain } from "../../sdk/test/toolchain.ts";
import { beginsQuickly } from "../fixtures/begins-quickly.ts";

describe("whiskers new", { concurrency: 1 }, () => {
  beginsQuickly("go", missingToolchain("go"));
  beginsQuickly("rust", missingToolchain("cargo"));
});
