import type { Readable } from "node:stream";

/** Reads a stream to its end and keeps the last of it. */
export class Tail {
  text = "";

  constructor(stream: Readable, keptChars: number) {
    stream.setEncoding("latin1");
    stream.on("error", () => {});
    stream.on("data", (chunk: string) => {
      this.text = (this.text + chunk).slice(-keptChars);
    });
  }
}
