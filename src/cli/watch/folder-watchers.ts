import { type FSWatcher, watch } from "node:fs";

interface Watched {
  readonly watcher: FSWatcher;
  /** Of the folder: another one of this name is not watched by it. */
  readonly inode: bigint;
  /** Names that count; null: all. */
  readonly names: Set<string> | null;
  wanted: boolean;
}

/** More are looked at from time to time, by whoever asked. */
const MOST_FOLDERS = 2000;

/** The kernel's notices of what happens in some folders. Those that a round `begin`…`end` does not name are let go. */
export class FolderWatchers {
  readonly #onChange: () => void;
  readonly #folders = new Map<string, Watched>();

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  begin(): void {
    for (const watched of this.#folders.values()) watched.wanted = false;
  }

  /** @param name the one in it that counts; null: all. Folders that cannot be watched are not. */
  watch(folder: string, inode: bigint, name: string | null): void {
    const key = `${folder}\0${name === null ? "" : "some"}`;
    const found = this.#folders.get(key);
    if (found?.inode === inode) {
      found.wanted = true;
      if (name !== null) found.names?.add(name);
      return;
    }
    found?.watcher.close();
    if (this.#folders.size >= MOST_FOLDERS) return;
    const names = name === null ? null : new Set([name]);
    try {
      const watcher = watch(folder, (_event, changed) => {
        if (names === null || changed === null || names.has(changed)) this.#onChange();
      });
      // It is gone: the next round says so.
      watcher.on("error", this.#onChange);
      this.#folders.set(key, { watcher, inode, names, wanted: true });
    } catch {
      this.#folders.delete(key);
    }
  }

  end(): void {
    for (const [key, { watcher, wanted }] of this.#folders) {
      if (wanted) continue;
      watcher.close();
      this.#folders.delete(key);
    }
  }

  [Symbol.dispose](): void {
    for (const { watcher } of this.#folders.values()) watcher.close();
    this.#folders.clear();
  }
}
