/** What ./whiskers starts. */
import { program } from "./program.ts";

// The launcher's, for this process alone.
delete process.env["NODE_COMPILE_CACHE"];

process.exit(await program(process.argv.slice(2), process.env));
