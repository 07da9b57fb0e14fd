import { join } from "node:path";

import { holdVectors } from "../../test/hold-vectors.ts";
import { javascriptGuest } from "./javascript-guest.ts";

const FOLDER = join(import.meta.dirname, "vector-normalizer");

// Node cannot fork: this guest says so, and nobody asks it to.
holdVectors("Node", ["fresh", "reuse"], (state) => javascriptGuest(FOLDER, state));
