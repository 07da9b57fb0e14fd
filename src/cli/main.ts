/** What ./whiskers starts. */
import { enableCompileCache } from "node:module";
import { join } from "node:path";

// Our own files without their types, compiled, kept from start to start.
enableCompileCache(join(import.meta.dirname, "../../node_modules/.cache/whiskers"));

const { program } = await import("./program.ts");
process.exit(await program(process.argv.slice(2), process.env));
