import { createInterface, type Interface } from "node:readline";
import type { Readable, Writable } from "node:stream";

import type { DebugChannel } from "../../sandbox/link.ts";
import { printableLines } from "../terminal/printable.ts";

/**
 * A person at a terminal, and pdb in a sandbox. What the normalizer makes pdb print is shown and does nothing else; lines are
 * edited here, so that nothing of the terminal is in the sandbox.
 */
export class PdbTerminal implements DebugChannel, Disposable {
  readonly #output: Writable;
  readonly #lines: Interface;
  readonly #decoder = new TextDecoder();
  readonly #onInterrupt: () => void;
  #send: ((text: string) => void) | null = null;
  #waiting: string[] = [];
  #isClosed = false;

  /** @param onInterrupt Ctrl-C, which a terminal that edits lines does not make a signal */
  constructor(input: Readable, output: Writable & { readonly isTTY?: boolean }, onInterrupt: () => void) {
    this.#output = output;
    this.#onInterrupt = onInterrupt;
    this.#lines = createInterface({ input, output, terminal: output.isTTY === true, historySize: 500 });
    this.#lines.on("line", (line) => {
      this.#say(`${line}\n`);
    });
    this.#lines.on("close", () => {
      this.#isClosed = true;
      this.#say("");
    });
    this.#lines.on("SIGINT", () => {
      this.#onInterrupt();
    });
  }

  receive(payload: Buffer): void {
    const lines = printableLines(this.#decoder.decode(payload, { stream: true }));
    const prompt = lines.at(-1) ?? "";
    const whole = lines.slice(0, -1);
    if (whole.length > 0) this.#output.write(`${whole.join("\n")}\n`);
    if (prompt === "") return;
    if (this.#isClosed) this.#output.write(prompt);
    else {
      this.#lines.setPrompt(prompt);
      this.#lines.prompt();
    }
  }

  attach(send: (text: string) => void): void {
    this.#send = send;
    for (const text of this.#waiting) send(text);
    this.#waiting = [];
  }

  [Symbol.dispose](): void {
    this.#send = () => {};
    this.#lines.close();
  }

  #say(text: string): void {
    if (this.#send === null) this.#waiting.push(text);
    else this.#send(text);
  }
}
