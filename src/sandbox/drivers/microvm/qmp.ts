import type { Duplex } from "node:stream";

import { isObject } from "../../../domain/unknown.ts";

const ANSWER_MS = 30_000;
/** An answer is some hundred bytes; a QEMU that somebody has broken into may say anything. */
const LINE_MAX_CHARS = 1024 * 1024;

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** QEMU's machine protocol (docs/interop/qmp-spec): a line of JSON for each command, answered in order, and events. */
export class Qmp {
  readonly #stream: Duplex;
  readonly #waiting: Waiting[] = [];
  readonly #listeners = new Set<(event: string, data: Readonly<Record<string, unknown>>) => void>();
  #rest = "";
  #isOpen = false;

  constructor(stream: Duplex) {
    this.#stream = stream;
    stream.on("data", (chunk: Buffer) => {
      const lines = (this.#rest + chunk.toString()).split("\n");
      this.#rest = lines.pop() ?? "";
      if (this.#rest.length > LINE_MAX_CHARS) stream.destroy();
      for (const line of lines) this.#onLine(line);
    });
    stream.once("close", () => {
      for (const { reject } of this.#waiting) reject(new Error("QEMU has ended"));
      this.#waiting.length = 0;
    });
  }

  /** @throws Error QEMU refuses it, says nothing, or has ended */
  async ask(execute: string, argument: object = {}): Promise<unknown> {
    if (!this.#isOpen) {
      this.#isOpen = true;
      await this.#send("qmp_capabilities", {});
    }
    return this.#send(execute, argument);
  }

  /** Calls back until that returns true. */
  async until(isIt: (event: string, data: Readonly<Record<string, unknown>>) => boolean): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const finish = (error: Error | null): void => {
        clearTimeout(timer);
        this.#listeners.delete(listener);
        if (error === null) resolve();
        else reject(error);
      };
      const listener = (event: string, data: Readonly<Record<string, unknown>>): void => {
        try {
          if (isIt(event, data)) finish(null);
        } catch (error) {
          finish(error as Error);
        }
      };
      const timer = setTimeout(() => {
        finish(new Error(`QEMU did not get there within ${ANSWER_MS} ms`));
      }, ANSWER_MS);
      this.#stream.once("close", () => {
        finish(new Error("QEMU has ended"));
      });
      this.#listeners.add(listener);
    });
  }

  #send(execute: string, argument: object): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#stream.destroyed) {
        reject(new Error("QEMU has ended"));
        return;
      }
      this.#waiting.push({ resolve, reject });
      this.#stream.write(`${JSON.stringify({ execute, arguments: argument })}\n`);
    });
  }

  #onLine(line: string): void {
    let said: unknown;
    try {
      said = JSON.parse(line);
    } catch {
      return;
    }
    if (!isObject(said)) return;
    if (typeof said["event"] === "string") {
      const data = isObject(said["data"]) ? said["data"] : {};
      for (const listener of this.#listeners) listener(said["event"], data);
    } else if ("return" in said) this.#waiting.shift()?.resolve(said["return"]);
    else if (isObject(said["error"])) {
      this.#waiting.shift()?.reject(new Error(String(said["error"]["desc"])));
    }
  }
}
