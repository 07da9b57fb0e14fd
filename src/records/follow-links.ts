import type { Draft, Link } from "./draft.ts";
import { Problem, shown, shownText } from "./problem.ts";
import { setKey } from "./read-object.ts";
import { badTarget, isTarget } from "./read-value.ts";
import type { Rejections } from "./rejections.ts";

/**
 * Follows every `{"$ref": "#id"}` of an output, in any order of its records: gives each draft with links its
 * key, each link the key that it leads to. What refers to an unknown id, to the wrong type, to itself through the
 * fields of its key, or to something rejected, is rejected. Yields where it may be interrupted.
 */
export function* followLinks(
  linked: readonly Draft[],
  byId: ReadonlyMap<string, Draft>,
  rejections: Rejections,
  mostKeyLength: number,
): Generator<void, void> {
  const following: Following = { byId, rejections, keyless: new Set(), keyLengthLeft: mostKeyLength };
  for (const draft of linked) {
    checkTargets(draft, following);
    yield;
  }
  for (const draft of linked) {
    findKey(draft, following);
    yield;
  }
  yield* rejectDependants(linked, following);
  for (const draft of linked) {
    if (draft.state === "keyed") fillLinks(draft, following);
    yield;
  }
  // Filling may have run out of room.
  if (following.keyLengthLeft < 0) yield* rejectDependants(linked, following);
}

/** Notes a draft under its `$id`. An id that is there twice stays with the first; the second draft is rejected. */
export function indexId(draft: Draft, byId: Map<string, Draft>, rejections: Rejections): void {
  if (draft.id === null) return;
  const first = byId.get(draft.id);
  if (first === undefined) byId.set(draft.id, draft);
  else reject(draft, rejections, "/$id", `${shown(draft.id)} is the $id of record ${first.record} already`);
}

interface Following {
  readonly byId: ReadonlyMap<string, Draft>;
  readonly rejections: Rejections;
  /** Drafts whose key was looked for and cannot be known; all are rejected in the end. */
  readonly keyless: Set<Draft>;
  /**
   * A short record can refer to an object with a long key, and so can a million of them: the text that links
   * stand for is bounded in all.
   */
  keyLengthLeft: number;
}

function checkTargets(draft: Draft, { byId, rejections }: Following): void {
  for (const { field, id, path } of draft.links) {
    const target = byId.get(id);
    if (target === undefined) {
      rejectAt(draft, rejections, path, `bad reference: no object of this output has the $id ${shown(id)}`);
    } else if (target.type !== null && !isTarget(target.type.name, field.targets)) {
      rejectAt(
        draft,
        rejections,
        path,
        badTarget(shownText(`#${id}`), target.type.name, field.targets).reason,
      );
    }
  }
}

/** Depth first, without recursion: a chain may be as long as the output. */
function findKey(start: Draft, following: Following): void {
  const path: Draft[] = [start];
  const onPath = new Set<Draft>(path);
  for (let draft = path.at(-1); draft !== undefined; draft = path.at(-1)) {
    const next = draft.key === null ? nextUnkeyed(draft, following) : null;
    if (next === null) {
      if (draft.key === null) computeKey(draft, following);
      path.pop();
      onPath.delete(draft);
    } else if (onPath.has(next)) {
      rejectCycle(path.slice(path.indexOf(next)), following);
      return;
    } else {
      path.push(next);
      onPath.add(next);
    }
  }
}

/** A draft on which the key of this one waits, or null. */
function nextUnkeyed(draft: Draft, { byId, keyless }: Following): Draft | null {
  for (const { field, id } of draft.links) {
    const target = field.inKey ? byId.get(id) : undefined;
    if (target !== undefined && target.key === null && !keyless.has(target)) return target;
  }
  return null;
}

function computeKey(draft: Draft, following: Following): void {
  const { byId, keyless, rejections } = following;
  for (const { field, id } of draft.links) {
    if (field.inKey) draft.values[field.name] = byId.get(id)?.key ?? new Problem("not known");
  }
  setKey(draft, (problem) => {
    reject(draft, rejections, problem.path, problem.reason);
  });
  if (draft.key === null) keyless.add(draft);
  else spend(draft, draft.key.length, following);
}

function rejectCycle(cycle: readonly Draft[], { keyless, rejections }: Following): void {
  const names = [...cycle, ...cycle.slice(0, 1)].map(({ id, record }) =>
    id === null ? `record ${record}` : `#${id}`,
  );
  const shownNames = names.length > MOST_NAMES ? [...names.slice(0, MOST_NAMES), "…"] : names;
  const reason = `reference cycle: ${shownNames.map(shownText).join(" → ")}`;
  for (const [at, draft] of cycle.entries()) {
    const next = cycle[(at + 1) % cycle.length];
    const link = draft.links.find(({ field, id }) => field.inKey && id === next?.id);
    keyless.add(draft);
    rejectAt(draft, rejections, link?.path ?? draft.path, reason);
  }
}

const MOST_NAMES = 10;

function* rejectDependants(linked: readonly Draft[], { byId, rejections }: Following): Generator<void, void> {
  const referrers = new Map<Draft, [Draft, Link][]>();
  const queue = new Set<Draft>();
  for (const draft of rejections.records === 0 ? [] : linked) {
    for (const link of draft.links) {
      const target = byId.get(link.id);
      if (target === undefined) continue;
      if (target.state === "rejected") queue.add(target);
      const known = referrers.get(target);
      if (known === undefined) referrers.set(target, [[draft, link]]);
      else known.push([draft, link]);
    }
    yield;
  }
  for (const target of queue) {
    for (const [draft, link] of referrers.get(target) ?? []) {
      if (draft.state === "rejected") continue;
      draft.state = "rejected";
      const reason = `refers to #${shownText(link.id)} (record ${target.record}), which was rejected`;
      rejections.addConsequence(draft.record, new Problem(reason, link.path), draft.type?.name ?? null);
      queue.add(draft);
    }
    yield;
  }
}

function fillLinks(draft: Draft, following: Following): void {
  for (const { field, id } of draft.links) {
    const key = following.byId.get(id)?.key ?? "";
    draft.values[field.name] = key;
    spend(draft, key.length, following);
  }
}

function spend(draft: Draft, length: number, following: Following): void {
  following.keyLengthLeft -= length;
  if (following.keyLengthLeft >= 0 || draft.state === "rejected") return;
  reject(
    draft,
    following.rejections,
    "",
    "the keys that the references of this output stand for are too long in all",
  );
}

function reject(draft: Draft, rejections: Rejections, path: string, reason: string): void {
  rejectAt(draft, rejections, draft.path + path, reason);
}

function rejectAt(draft: Draft, rejections: Rejections, path: string, reason: string): void {
  draft.state = "rejected";
  rejections.add(draft.record, new Problem(reason, path), draft.type?.name ?? null);
}
