import { type FileHandle, open, rename, rm } from "node:fs/promises";
import path from "node:path";

import type { Manifest } from "../../../domain/package.ts";
import type { Run } from "../../../domain/run.ts";
import { fileTroubleOf } from "../../../domain/unknown.ts";
import { WhiskersError } from "../../../errors.ts";
import type { Input, Inputs } from "../../../raw/input.ts";
import { pageFoot, pageHead } from "./page.ts";
import { runSection } from "./run-section.ts";

/** One page about some runs. It appears whole, when it is ended; a page that is not ended leaves nothing. */
export class HtmlReport implements AsyncDisposable {
  readonly #file: string;
  readonly #draft: string;
  readonly #handle: FileHandle;
  #runs = 0;
  #ended = false;

  private constructor(file: string, draft: string, handle: FileHandle) {
    this.#file = file;
    this.#draft = draft;
    this.#handle = handle;
  }

  /** @throws WhiskersError `usage` there can be no such file */
  static async open(file: string, { id }: Manifest, { inputs }: Inputs): Promise<HtmlReport> {
    const title =
      inputs.length === 1 ? `${id} on ${inputs[0]?.name ?? ""}` : `${id} on ${inputs.length} raw files`;
    const draft = path.join(path.dirname(file), `.${path.basename(file)}.${process.pid}`);
    try {
      const handle = await open(draft, "w");
      await handle.writeFile(pageHead(title).text);
      return new HtmlReport(file, draft, handle);
    } catch (cause) {
      throw new WhiskersError("usage", `--report ${file}: ${fileTroubleOf(cause)}`, { cause });
    }
  }

  async add(input: Input, run: Run): Promise<void> {
    this.#runs += 1;
    await this.#handle.writeFile((await runSection(this.#runs, input, run)).text);
  }

  /** @throws WhiskersError `usage` it cannot be put there */
  async end(): Promise<void> {
    try {
      await this.#handle.writeFile(pageFoot().text);
      await this.#handle.close();
      await rename(this.#draft, this.#file);
      this.#ended = true;
    } catch (cause) {
      throw new WhiskersError("usage", `--report ${this.#file}: ${fileTroubleOf(cause)}`, { cause });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended) return;
    await this.#handle.close().catch(() => {});
    await rm(this.#draft, { force: true });
  }
}
