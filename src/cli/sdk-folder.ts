import path from "node:path";

/** Holds `python/` and `typescript/`. */
export const SDK_FOLDER = path.resolve(import.meta.dirname, "../../sdk");
