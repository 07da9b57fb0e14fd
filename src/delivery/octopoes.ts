import type { NormalizerMeta } from "../domain/meta.ts";
import type { Records, ScanProfile } from "../domain/record.ts";
import { type HttpRequest, type HttpService, requireSuccess } from "../http/http-service.ts";
import { withoutObject } from "./objects-text.ts";
import type { DeliveryStep } from "./step.ts";

/** Highest scan level that a normalizer may declare, by its id. One that is not listed may declare none. */
export type ScanProfileWhitelist = Readonly<Record<string, number>>;

/**
 * The writes that bring one succeeded run's records into Octopoes, as OpenKAT's own worker makes them:
 *
 * 1. one observation with the objects, but for the scanned object itself; with an empty result when the
 *    run gave neither objects nor declarations nor affirmations, so that what it gave before is forgotten
 * 2. all declarations in one request, with their `end_valid_time`
 * 3. each affirmation
 * 4. the scan profiles that the whitelist allows, lowered to its level
 *
 * `valid_time` is the end of the boefje's run: OpenKAT's web interface finds objects by it.
 */
export function octopoesSteps(
  service: HttpService,
  whitelist: ScanProfileWhitelist,
  meta: NormalizerMeta,
  records: Records,
): readonly DeliveryStep[] {
  const write = writerFor(service, meta);
  const origin = originOf(meta);
  const steps: DeliveryStep[] = [];
  const result = observed(meta, records);
  if (result !== null) {
    const source = meta.raw_data.boefje_meta.input_ooi;
    const text = JSON.stringify({ ...origin, source });
    steps.push(write("observation", "observations", () => `${text.slice(0, -1)},"result":${result()}}`));
  }
  if (records.declarations.length > 0) {
    const body = records.declarations.map(({ object, end_valid_time }) => ({
      ...origin,
      ooi: object,
      end_valid_time,
    }));
    steps.push(write("declarations", "declarations/save_many", () => JSON.stringify(body)));
  }
  for (const [index, { object }] of records.affirmations.entries()) {
    steps.push(
      write(`affirmation/${index}`, "affirmations", () => JSON.stringify({ ...origin, ooi: object })),
    );
  }
  const profiles = allowedProfiles(whitelist, meta.normalizer.id, records.scanProfiles);
  if (profiles.length > 0) {
    const query = { valid_time: origin.valid_time };
    steps.push(write("scan-profiles", "scan_profiles/save_many", () => JSON.stringify(profiles), query));
  }
  return steps;
}

/**
 * Why the records cannot be delivered, whatever the service says; null: they can. Objects are observed
 * about a scanned object, so without one there is nothing to attach them to.
 */
export function undeliverable(meta: NormalizerMeta, records: Records): string | null {
  if (meta.raw_data.boefje_meta.input_ooi !== null || records.objects.length === 0) return null;
  return "the run gave objects, and its raw file has no input object to attach them to: use declarations";
}

/** Makes the JSON text of the objects to send, without the scanned one; null: no observation is sent. */
function observed(meta: NormalizerMeta, records: Records): (() => string) | null {
  const source = meta.raw_data.boefje_meta.input_ooi;
  if (source === null) return null;
  const { objectsJson = JSON.stringify(records.objects), declarations, affirmations } = records;
  if (objectsJson === "[]") return declarations.length === 0 && affirmations.length === 0 ? () => "[]" : null;
  return () => withoutObject(objectsJson, source);
}

function originOf(meta: NormalizerMeta): {
  readonly method: string;
  readonly source_method: string;
  readonly task_id: string;
  readonly valid_time: string;
} {
  const { boefje_meta: boefjeMeta } = meta.raw_data;
  return {
    method: meta.normalizer.id,
    source_method: boefjeMeta.boefje.id,
    task_id: meta.id,
    valid_time: boefjeMeta.ended_at,
  };
}

function allowedProfiles(
  whitelist: ScanProfileWhitelist,
  normalizerId: string,
  profiles: readonly ScanProfile[],
): readonly object[] {
  const highest = Object.hasOwn(whitelist, normalizerId) ? whitelist[normalizerId] : undefined;
  if (highest === undefined) return [];
  return profiles.map(({ reference, level, user_id }) => ({
    scan_profile_type: "declared",
    reference,
    level: Math.min(level, highest),
    user_id,
  }));
}

function writerFor(service: HttpService, meta: NormalizerMeta) {
  const organisation = encodeURIComponent(meta.raw_data.boefje_meta.organization);
  return (name: string, path: string, body: () => string, query?: HttpRequest["query"]): DeliveryStep => ({
    name: `octopoes/${name}`,
    async send(signal) {
      const answer = await service.send({
        endpoint: path.replace("/save_many", ""),
        method: "POST",
        path: `/${organisation}/${path}`,
        ...(query === undefined ? {} : { query }),
        json: body(),
        signal,
      });
      requireSuccess(service, `the ${name.replace("/", " ")} of task ${meta.id}`, answer);
    },
  });
}
