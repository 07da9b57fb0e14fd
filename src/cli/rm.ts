import { WhiskersError } from "../errors.ts";
import { openImageStore } from "../packages/images/image-store.ts";
import { familiarReference, formatReference, parseReference } from "../packages/images/reference.ts";
import { flag } from "./arguments.ts";
import type { Command } from "./command.ts";

export const command: Command = {
  help: `whiskers rm REFERENCE... [--json]

Forgets images of the local store. Their space is free after \`whiskers gc\`, as far as nothing else needs it.

  --json   one JSON document
`,
  options: { json: { type: "boolean" } },
  positionals: [1, 1000],
  async run(args, { settings, out }) {
    const references = args.positionals.map((text) => parseReference(text));
    const store = await openImageStore(settings().home);
    for (const reference of references) {
      const wasThere = await store.remove(reference);
      if (!wasThere) {
        throw new WhiskersError("image-missing", `${familiarReference(reference)} is not in the image store`);
      }
      if (!flag(args, "json")) await out(`${familiarReference(reference)}  removed\n`);
    }
    if (flag(args, "json")) {
      await out(`${JSON.stringify({ removed: references.map((each) => formatReference(each)) })}\n`);
    }
    return 0;
  },
};
