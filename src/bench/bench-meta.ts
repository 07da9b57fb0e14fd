import type { NormalizerMeta } from "../domain/meta.ts";

/** What every run of a benchmark is told. */
export function benchMeta(): NormalizerMeta {
  const time = "2026-01-01T00:00:00Z";
  return {
    id: "00000000-0000-4000-8000-000000000001",
    started_at: time,
    ended_at: null,
    normalizer: { id: "bench", version: null },
    raw_data: {
      id: "00000000-0000-4000-8000-000000000002",
      mime_types: [{ value: "text/plain" }],
      boefje_meta: {
        id: "00000000-0000-4000-8000-000000000003",
        started_at: time,
        ended_at: time,
        boefje: { id: "bench", version: null },
        input_ooi: "Network|internet",
        arguments: { input: { object_type: "Network", primary_key: "Network|internet", name: "internet" } },
        organization: "bench",
      },
    },
  };
}
