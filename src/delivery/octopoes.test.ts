import assert from "node:assert/strict";
import { test } from "node:test";

import type { NormalizerMeta } from "../domain/meta.ts";
import type { OpenKatObject, Records } from "../domain/record.ts";
import type { HttpService } from "../http/http-service.ts";
import { octopoesSteps } from "./octopoes.ts";

const SOURCE = "Network|internet";
const network = (name: string): OpenKatObject => ({
  object_type: "Network",
  primary_key: `Network|${name}`,
  name,
});

/** What the observation of these objects says that was found. */
async function resultOf(objects: readonly OpenKatObject[], objectsJson?: string): Promise<unknown> {
  const sent: string[] = [];
  const service = {
    send: async ({ json }: { readonly json: string }) => {
      sent.push(json);
      return { status: 200, body: "" };
    },
  } as unknown as HttpService;
  const meta = {
    id: "t",
    normalizer: { id: "n", version: null },
    raw_data: { boefje_meta: { boefje: { id: "b" }, input_ooi: SOURCE, ended_at: "", organization: "o" } },
  } as unknown as NormalizerMeta;
  const text = objectsJson === undefined ? {} : { objectsJson };
  const records = { objects, ...text, declarations: [], affirmations: [], scanProfiles: [] };
  const [step] = octopoesSteps(service, {}, meta, records as unknown as Records);
  await step?.send(new AbortController().signal);
  return (JSON.parse(sent[0] ?? "") as { readonly result: unknown }).result;
}

test("what is observed lacks the scanned object, wherever it is, made from the output's own text or not", async () => {
  const [a, b, source] = [network('a","'), network("b\\"), network("internet")];
  for (const objects of [[source], [source, a, b], [a, source, b], [a, b, source], [a, b], []]) {
    const expected = objects.filter((object) => object !== source);
    assert.deepEqual(await resultOf(objects), expected);
    assert.deepEqual(await resultOf(objects, JSON.stringify(objects)), expected);
  }
});
