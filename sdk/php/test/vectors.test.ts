import { join } from "node:path";

import { holdVectors } from "../../test/hold-vectors.ts";
import { phpGuest } from "./php-guest.ts";

const FOLDER = join(import.meta.dirname, "vector-normalizer");

holdVectors("PHP", ["fresh", "reuse"], (state) => phpGuest(FOLDER, state));
