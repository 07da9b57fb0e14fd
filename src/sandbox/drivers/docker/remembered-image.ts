import type { Host } from "./host.ts";
import { provideImage } from "./image.ts";
import type { ImageParts, MadeImage } from "./image.ts";
import type { Filesystem } from "./open.ts";

/** An image that is made when it is first wanted, once however many want it, and again when the engine has lost it. */
export function rememberedImage(parts: ImageParts, host: Host): Filesystem["provideImage"] {
  let known: Promise<MadeImage> | null = null;
  const make = async (before: MadeImage | null): Promise<MadeImage> =>
    provideImage(
      host.engine,
      parts,
      { stateDirectory: host.stateDirectory, draftName: host.nextName() },
      { known: before },
    );
  return async (looked) => {
    if (known !== null && !looked) return (await known).id;
    const made = make(await known);
    known = made;
    made.catch(() => {
      if (known === made) known = null;
    });
    return (await made).id;
  };
}
