import { fillMemory, imageSize, overwriteMemory } from "./memory-image.ts";
import type { MemoryImage } from "./memory-image.ts";

/** A thread that waits keeps no more: what all of them keep has to fit what their process may have. */
const KEPT_MAX_BYTES = 128 * 1024 * 1024;

/**
 * Memories of one thread's instances. A new one is mapped page by page as it is touched, which costs Go more than its own
 * start; so the one before is used again where it did not grow: all of it is overwritten, while nobody waits for it.
 */
export class Memories {
  readonly #maximumPages: number | null;
  #next: { readonly memory: WebAssembly.Memory; readonly id: string } | null = null;

  constructor(maximumPages: number | null) {
    this.#maximumPages = maximumPages;
  }

  /** Holds what the image says, and nothing else. @throws RangeError there may not be so much */
  take(image: MemoryImage): WebAssembly.Memory {
    const next = this.#next;
    this.#next = null;
    if (next?.id === image.id) return next.memory;
    const memory = this.#make(image);
    fillMemory(memory, image);
    return memory;
  }

  /** After its instance is over. Returns whether it is kept. */
  giveBack(memory: WebAssembly.Memory, image: MemoryImage): boolean {
    // Its size would tell the next what the one before did.
    if (memory.buffer.byteLength !== imageSize(image) || !mayBeKept(image)) return false;
    overwriteMemory(memory, image);
    this.#next = { memory, id: image.id };
    return true;
  }

  #make({ wasmPages }: MemoryImage): WebAssembly.Memory {
    const maximum = this.#maximumPages === null ? {} : { maximum: this.#maximumPages };
    return new WebAssembly.Memory({ initial: wasmPages, ...maximum });
  }
}

/** Whether a thread that waits may have one. */
export function mayBeKept(image: MemoryImage): boolean {
  return imageSize(image) <= KEPT_MAX_BYTES;
}
