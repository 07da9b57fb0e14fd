import type { Outcome } from "../../domain/outcome.ts";
import type { Run } from "../../domain/run.ts";
import { ERRORS } from "../../errors.ts";
import type { ErrorDocument } from "../complain.ts";

/** So many elements of a list are turned into text at once: an output may have a million. */
const ELEMENTS_AT_ONCE = 1000;

/**
 * The document of `--json`, run by run: protocol/schemas/run-document.json. It is complete only after `end`.
 */
export class JsonDocument {
  readonly #write: (text: string) => Promise<void>;
  #runs = 0;

  constructor(write: (text: string) => Promise<void>) {
    this.#write = write;
  }

  async add(name: string, run: Run): Promise<void> {
    await this.#write(this.#runs === 0 ? '{"runs":[\n' : ",\n");
    this.#runs += 1;
    await this.#write(
      `{"outcome":${JSON.stringify(outcomeDocument(run.outcome))},"input":${JSON.stringify(name)}`,
    );
    const { records } = run;
    await this.#list("objects", records.objects);
    await this.#list("declarations", records.declarations);
    await this.#list("affirmations", records.affirmations);
    await this.#list("scanProfiles", records.scanProfiles);
    await this.#list("raws", records.raws, ({ mime_types: mimeTypes, content }) => ({
      mime_types: mimeTypes,
      content: Buffer.from(content).toString("base64"),
    }));
    await this.#list("rejections", records.rejections);
    await this.#write(
      `,"rejectionsDropped":${records.rejectionsDropped},"recordsRejected":${records.recordsRejected}`,
    );
    await this.#list("logs", run.logs);
    await this.#write(`,"logBytesDropped":${run.logBytesDropped},"run":${JSON.stringify(run.record)}}`);
  }

  /** `error`: what kept the rest from being run. */
  async end(error?: ErrorDocument): Promise<void> {
    const tail = error === undefined ? "" : `,"error":${JSON.stringify(error)}`;
    await this.#write(`${this.#runs > 0 ? "\n" : '{"runs":['}]${tail}}\n`);
  }

  async #list<T>(
    key: string,
    elements: readonly T[],
    shape: (element: T) => unknown = (element) => element,
  ): Promise<void> {
    await this.#write(`,"${key}":[`);
    for (let from = 0; from < elements.length; from += ELEMENTS_AT_ONCE) {
      const texts = elements.slice(from, from + ELEMENTS_AT_ONCE).map((each) => JSON.stringify(shape(each)));
      await this.#write((from === 0 ? "" : ",") + texts.join(","));
    }
    await this.#write("]");
  }
}

function outcomeDocument(outcome: Outcome): object {
  if (outcome.status === "succeeded") return outcome;
  const { fault, retryable, remedy } = ERRORS[outcome.code];
  return { ...outcome, fault, retryable, remedy };
}
