import { readImageSettings } from "../config/image-settings.ts";
import { formatBytes } from "../domain/quantity.ts";
import { WhiskersError } from "../errors.ts";
import { openImageStore } from "../packages/images/image-store.ts";
import { flag } from "./arguments.ts";
import type { Command } from "./command.ts";

export const command: Command = {
  help: `whiskers gc [--all] [--json]

Frees the space of what no image of the local store needs: layers of images that were removed or replaced,
unpacked root filesystems, caches of builds. What was used within WHISKERS_IMAGES_MAX_AGE is kept, up to
WHISKERS_IMAGES_MAX_SIZE in all: what was not used for longest goes first. What has a reference or is in use
stays.

  --all    keep nothing that is not needed, however new
  --json   one JSON document
`,
  options: { all: { type: "boolean" }, json: { type: "boolean" } },
  positionals: [0, 0],
  async run(args, { env, settings, signal, out }) {
    const { imagesMaxBytes, imagesMaxAgeMs } = readImageSettings(env);
    const bounds = { mostBytes: imagesMaxBytes, oldestMs: imagesMaxAgeMs };
    const store = await openImageStore(settings().home);
    const collected = await store.gc(flag(args, "all") ? { mostBytes: 0, oldestMs: 0 } : bounds, signal);
    const { ran, removed, removedBytes, keptBytes } = collected;
    if (!ran) {
      throw new WhiskersError(
        "store-busy",
        `${store.folder}: somebody pulls, builds or unpacks without a pause`,
      );
    }
    await out(
      flag(args, "json")
        ? `${JSON.stringify({ removed, removedBytes, keptBytes })}\n`
        : `${removed} removed, ${formatBytes(removedBytes)} freed; ${formatBytes(keptBytes)} kept\n`,
    );
    return 0;
  },
};
