import { PassThrough } from "node:stream";

/** Passes everything on and keeps the beginning. */
export class Head extends PassThrough {
  text = "";
  readonly #max: number;

  constructor(max: number) {
    super();
    this.#max = max;
    this.on("error", () => {});
  }

  override _transform(chunk: Buffer, encoding: BufferEncoding, callback: () => void): void {
    if (this.text.length < this.#max)
      this.text += chunk.subarray(0, this.#max - this.text.length).toString("latin1");
    super._transform(chunk, encoding, callback);
  }
}
