import type { Host } from "./host.ts";
import { provideImage } from "./image.ts";
import type { ImageParts } from "./image.ts";
import type { Filesystem } from "./open.ts";

/** An image that is made when it is first wanted, once however many want it, and again when the engine has lost it. */
export function rememberedImage(parts: ImageParts, host: Host): Filesystem["provideImage"] {
  let known: Promise<string> | null = null;
  const make = async (before: string | null): Promise<string> =>
    provideImage(
      host.engine,
      parts,
      { stateDirectory: host.stateDirectory, draftName: host.nextName() },
      before,
    );
  return async (looked) => {
    if (known !== null && !looked) return known;
    const made = make(await known);
    known = made;
    made.catch(() => {
      if (known === made) known = null;
    });
    return made;
  };
}
