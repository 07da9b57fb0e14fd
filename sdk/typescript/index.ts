/** Whiskers for TypeScript and JavaScript normalizers: what `import … from "whiskers"` gives. */
export { log } from "./log.ts";
export type { InputObject, Meta, RawFile } from "./meta.ts";
