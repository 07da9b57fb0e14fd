import type { Outcome } from "../../domain/outcome.ts";
import type { Run } from "../../domain/run.ts";
import { ERRORS } from "../../errors.ts";

/** So many elements of a list are turned into text at once: an output may have a million. */
const ELEMENTS_AT_ONCE = 1000;

/** One run as JSON, for programs: `run` of protocol/schemas/run-document.json, on one line. */
export async function writeRun(
  run: Run,
  name: string,
  write: (text: string) => Promise<void>,
): Promise<void> {
  await write(`{"outcome":${JSON.stringify(outcomeDocument(run.outcome))},"input":${JSON.stringify(name)}`);
  const { records } = run;
  await list("objects", records.objects);
  await list("declarations", records.declarations);
  await list("affirmations", records.affirmations);
  await list("scanProfiles", records.scanProfiles);
  await list("raws", records.raws, ({ mime_types: mimeTypes, content }) => ({
    mime_types: mimeTypes,
    content: Buffer.from(content).toString("base64"),
  }));
  await list("rejections", records.rejections);
  await write(
    `,"rejectionsDropped":${records.rejectionsDropped},"recordsRejected":${records.recordsRejected}`,
  );
  await list("logs", run.logs);
  await write(`,"logBytesDropped":${run.logBytesDropped},"run":${JSON.stringify(run.record)}}`);

  async function list<T>(
    key: string,
    elements: readonly T[],
    shape: (element: T) => unknown = (element) => element,
  ): Promise<void> {
    await write(`,"${key}":[`);
    for (let from = 0; from < elements.length; from += ELEMENTS_AT_ONCE) {
      const texts = elements.slice(from, from + ELEMENTS_AT_ONCE).map((each) => JSON.stringify(shape(each)));
      await write((from === 0 ? "" : ",") + texts.join(","));
    }
    await write("]");
  }
}

function outcomeDocument(outcome: Outcome): object {
  if (outcome.status === "succeeded") return outcome;
  const { fault, retryable, remedy } = ERRORS[outcome.code];
  return { ...outcome, fault, retryable, remedy };
}
