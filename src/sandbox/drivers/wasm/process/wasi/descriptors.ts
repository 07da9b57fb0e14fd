import type { Ring } from "../ring.ts";
import { WasiError } from "./errno.ts";
import { disuse, use } from "./tree.ts";
import type { Folder, Node } from "./tree.ts";

/** What a descriptor stands for. */
export type Descriptor = InputStream | OutputStream | OpenNode;

export interface InputStream {
  readonly kind: "input";
  readonly ring: Ring;
}

export interface OutputStream {
  readonly kind: "output";
  readonly ring: Ring;
}

export interface OpenNode {
  readonly kind: "node";
  readonly node: Node;
  position: number;
  append: boolean;
  readonly readable: boolean;
  readonly writable: boolean;
  /** Given from the start, by this name. */
  readonly preopen: string | null;
}

/** An instance's table of descriptors; as many as its limit says. */
export class Descriptors {
  #table: (Descriptor | null)[];
  #first: readonly Descriptor[];
  readonly #max: number;

  constructor(first: readonly Descriptor[], max: number) {
    this.#first = first;
    this.#table = [...first];
    this.#max = max;
  }

  /** For another instance: these are open, and nothing else. */
  restart(first: readonly Descriptor[]): void {
    this.#first = first;
    this.#table = [...first];
  }

  /** The first ones are what they were, and nothing else is open. */
  isAsAtStart(): boolean {
    return (
      this.#table.every((one, index) => one === (this.#first[index] ?? null)) &&
      this.#first.every((one) => one.kind !== "node" || (one.position === 0 && !one.append))
    );
  }

  get(number: number): Descriptor {
    const found = this.#table[number >>> 0];
    if (found === undefined || found === null) throw new WasiError("badDescriptor");
    return found;
  }

  node(number: number): OpenNode {
    const found = this.get(number);
    if (found.kind !== "node") throw new WasiError("noSeek");
    return found;
  }

  folder(number: number): Folder {
    const { node } = this.node(number);
    if (node.kind !== "folder") throw new WasiError("notFolder");
    return node;
  }

  add(descriptor: Descriptor): number {
    const free = this.#table.indexOf(null);
    const number = free === -1 ? this.#table.length : free;
    if (number >= this.#max) throw new WasiError("tooManyOpen");
    this.#table[number] = descriptor;
    if (descriptor.kind === "node") use(descriptor.node);
    return number;
  }

  close(number: number): void {
    const descriptor = this.get(number);
    this.#table[number >>> 0] = null;
    if (descriptor.kind === "node") disuse(descriptor.node);
  }

  /** `to` becomes what `from` was. */
  move(from: number, to: number): void {
    const descriptor = this.get(from);
    this.get(to);
    if (from === to) return;
    this.close(to);
    this.#table[to >>> 0] = descriptor;
    this.#table[from >>> 0] = null;
  }
}
