import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import path from "node:path/posix";

import { EngineError } from "./engine.ts";
import type { Engine } from "./engine.ts";
import { hasImage, provideImage } from "./image.ts";
import type { LayerParts, MadeImage } from "./image.ts";

/** So many are kept, those that were used last; and none that nobody used for so long, milliseconds. */
const MOST_IMAGES = 64;
const UNUSED_MS = 14 * 24 * 3_600_000;
/** What is used once is used by then, milliseconds. */
const PASSING_MS = 600_000;

/** A layer that is named by what is in it. */
export interface NamedLayer extends LayerParts {
  readonly name: string;
  /** For people. */
  readonly description: string;
}

export interface EngineImagesOptions {
  readonly engine: Engine;
  /** Holds a folder of records for each engine. */
  readonly stateDirectory: string;
  /** Which engine it is: its records are of no other. */
  readonly engineId: string;
  nextName(): string;
}

/**
 * Images of ours in an engine that sees none of our files, remembered from start to start, so that nothing is read or
 * sent that it has. What is remembered is a hint: an image that is gone is made again. It is written down before the
 * engine gets the image, so that none is forgotten, and goes when it has not been used.
 */
export class EngineImages {
  readonly #options: EngineImagesOptions;
  readonly #records: string;
  readonly #known = new Map<string, Promise<MadeImage>>();

  constructor(options: EngineImagesOptions) {
    this.#options = options;
    const engine = createHash("sha256").update(options.engineId).digest("hex").slice(0, 16);
    this.#records = path.join(options.stateDirectory, "engine-images", engine);
  }

  /**
   * An image with these layers, from the lowest up. Those below the last are an image of their own, which others share.
   * @param looked the engine is asked whether it is there
   * @param passing it is used once
   * @throws EngineError
   */
  async provide(
    layers: readonly NamedLayer[],
    { looked, passing }: { readonly looked: boolean; readonly passing: boolean },
  ): Promise<MadeImage> {
    const key = createHash("sha256")
      .update(JSON.stringify(layers.map(({ name }) => name)))
      .digest("hex");
    const known = this.#known.get(key);
    if (known !== undefined && !looked) return known;
    const made = this.#make(key, layers, passing);
    this.#known.set(key, made);
    made.catch(() => {
      if (this.#known.get(key) === made) this.#known.delete(key);
    });
    return made;
  }

  async #make(key: string, layers: readonly NamedLayer[], passing: boolean): Promise<MadeImage> {
    const { engine, stateDirectory } = this.#options;
    const record = path.join(this.#records, `${key}.json`);
    const known = await readRecord(record);
    if (known !== null && (await hasImage(engine, known.id))) {
      await this.#write(record, known, passing);
      return known;
    }
    const below = layers.slice(0, -1);
    const there = below.length === 0 ? null : await this.provide(below, { looked: true, passing: false });
    const parts = {
      description: layers.map(({ description }) => description).join(", "),
      layers: layers.map((layer, index) => ({ ...layer, known: there?.layers[index] })),
    };
    const image = await provideImage(
      engine,
      parts,
      { stateDirectory, draftName: this.#options.nextName() },
      { known: null, onMade: (made) => this.#write(record, made, passing) },
    );
    await this.#write(record, image, passing);
    await this.reap();
    return image;
  }

  async #write(record: string, image: MadeImage, passing: boolean): Promise<void> {
    await mkdir(this.#records, { recursive: true });
    // Named as sandboxes are, so that it goes with those of a process that has ended.
    const draft = path.join(this.#options.stateDirectory, this.#options.nextName());
    await writeFile(draft, JSON.stringify(image));
    const usedMs = passing ? Date.now() - UNUSED_MS + PASSING_MS : Date.now();
    await utimes(draft, usedMs / 1000, usedMs / 1000);
    await rename(draft, record);
  }

  /** Removes what nobody has used. An image with containers stays: the engine sees to that. @throws EngineError */
  async reap(): Promise<void> {
    const nowMs = Date.now();
    const found: { readonly record: string; readonly usedMs: number }[] = [];
    for (const name of await readdir(this.#records).catch(() => [])) {
      const record = path.join(this.#records, name);
      const stats = await stat(record).catch(() => null);
      if (stats !== null) found.push({ record, usedMs: stats.mtimeMs });
    }
    const newestFirst = found.toSorted((one, other) => other.usedMs - one.usedMs);
    for (const [index, { record, usedMs }] of newestFirst.entries())
      if (index >= MOST_IMAGES || nowMs - usedMs > UNUSED_MS) await this.#remove(record);
  }

  async #remove(record: string): Promise<void> {
    const image = await readRecord(record);
    try {
      if (image !== null) await this.#options.engine.ask("DELETE", `/images/${image.tag}`);
    } catch (error) {
      if (!(error instanceof EngineError) || error.status === null) throw error;
      // Used by a container, or the engine cannot: later. Nobody waits for it.
      if (error.status !== 404) return;
    }
    await rm(record, { force: true });
  }
}

/** Null: there is none that can be used. */
async function readRecord(file: string): Promise<MadeImage | null> {
  try {
    const { id, tag, layers } = JSON.parse(await readFile(file, "utf8")) as Partial<MadeImage>;
    return id === undefined || tag === undefined || layers === undefined ? null : { id, tag, layers };
  } catch {
    return null;
  }
}
