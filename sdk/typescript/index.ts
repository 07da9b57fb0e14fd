/** Whiskers for TypeScript and JavaScript normalizers: what `import … from "whiskers"` gives. */
export { log } from "./log.ts";
export type { InputObject, Meta, RawFile } from "./meta.ts";
export * from "./objects.ts";
export { Affirmation, Declaration, DerivedRaw, OpenKatObject, ScanProfile } from "./records.ts";
