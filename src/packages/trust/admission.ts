import { WhiskersError } from "../../errors.ts";
import type { ImageStore } from "../images/image-store.ts";
import { MOST_MANIFEST_BYTES, readImage } from "../images/manifest.ts";
import { familiarReference, type Reference } from "../images/reference.ts";
import type { RegistryClient } from "../registry/registry-client.ts";
import { findSigners, type Signature, whyNot } from "./find-signers.ts";
import { type ImageRule, ruleFor, type TrustPolicy } from "./policy.ts";
import { keepSignature } from "./sign-image.ts";
import { registrySignatures, storedSignatures } from "./signature-source.ts";
import type { Signed } from "./sigstore-bundle.ts";

/** Holds images to the trust policy. All of them throw `trust-refused`, with the reason. */
export interface Admission {
  /** Whether an image or a package on the disk of this machine may be used. */
  local(what: string): void;
  /** Whether an image of this name may be looked for. Asked before anything is asked of a registry. */
  name(reference: Reference): void;
  /**
   * Whether an image may be fetched, by its manifests alone: the one that the name stands for and, of an index, the one
   * that was chosen from it. Signatures are looked for in the store, then in the registry; those that hold are kept.
   * @throws WhiskersError also those of the registry
   */
  manifests(reference: Reference, manifests: readonly Signed[], signal: AbortSignal): Promise<void>;
  /** Whether an image of the store may be used. @throws as `manifests` */
  stored(reference: Reference, digest: string, signal: AbortSignal): Promise<void>;
}

/** Whether a package on the disk of this machine may be used. @throws WhiskersError `trust-refused` */
export function admitLocal(policy: TrustPolicy | null, what: string): void {
  if (policy?.local !== "refuse") return;
  throw new WhiskersError(
    "trust-refused",
    `${what}: ${policy.name} refuses packages on the disk of this machine`,
  );
}

/** @param policy null: everything may be used */
export function openAdmission(
  policy: TrustPolicy | null,
  store: ImageStore,
  client: RegistryClient,
): Admission {
  /** What was found good once is good as long as the policy is the same. */
  const admitted = new Set<string>();
  return {
    local: (what) => {
      admitLocal(policy, what);
    },
    name,
    manifests,
    stored,
  };

  function name(reference: Reference): void {
    if (policy !== null) ruleThatAllows(policy, reference);
  }

  async function manifests(
    reference: Reference,
    candidates: readonly Signed[],
    signal: AbortSignal,
  ): Promise<void> {
    if (policy === null) return;
    const rule = ruleThatAllows(policy, reference);
    if (rule.threshold === 0) return;
    const key = [policy.images.indexOf(rule), ...candidates.map(({ digest }) => digest)].join(" ");
    if (admitted.has(key)) return;
    const problems: string[] = [];
    let most = 0;
    for (const { source, isElsewhere } of [
      { source: storedSignatures(store), isElsewhere: false },
      { source: registrySignatures(client, reference), isElsewhere: true },
    ]) {
      for (const signed of candidates) {
        const found = await findSigners(source, signed, rule.keys, signal);
        const signers = new Set(found.signatures.map((signature) => signature.key.id)).size;
        if (isElsewhere) await keep(store, signed, found.signatures);
        if (signers >= rule.threshold) {
          admitted.add(key);
          return;
        }
        most = Math.max(most, signers);
        problems.push(...found.problems);
      }
    }
    throw refusal(policy, reference, rule, { most, problems, digest: candidates[0]?.digest ?? "" });
  }

  async function stored(reference: Reference, digest: string, signal: AbortSignal): Promise<void> {
    if (policy === null) return;
    const rule = ruleThatAllows(policy, reference);
    if (rule.threshold === 0) return;
    const image = await readImage(store, digest);
    const digests = [...new Set([digest, image.digest])];
    const candidates = await Promise.all(
      digests.map(async (each) => ({ digest: each, text: await store.read(each, MOST_MANIFEST_BYTES) })),
    );
    await manifests(reference, candidates, signal);
  }
}

function ruleThatAllows(policy: TrustPolicy, reference: Reference): ImageRule {
  const shown = familiarReference(reference);
  const rule = ruleFor(policy, reference);
  if (rule === null) {
    throw new WhiskersError("trust-refused", `${shown}: ${policy.name} has no rule for it`);
  }
  if (rule.digestOnly && reference.digest === null) {
    throw new WhiskersError(
      "trust-refused",
      `${shown}: ${policy.name} wants a digest for ${rule.match}: NAME@sha256:…`,
    );
  }
  return rule;
}

async function keep(store: ImageStore, signed: Signed, signatures: readonly Signature[]): Promise<void> {
  using _hold = await store.hold();
  for (const signature of signatures) await keepSignature(store, signed, signature);
}

interface Found {
  readonly most: number;
  readonly problems: readonly string[];
  readonly digest: string;
}

function refusal(
  { name }: TrustPolicy,
  reference: Reference,
  { match, keys, threshold }: ImageRule,
  { most, problems, digest }: Found,
): WhiskersError {
  const wanted = keys.map((key) => key.name).join(", ");
  const how = threshold === 1 && most === 0 ? "a signature" : `${threshold} signatures, and has ${most},`;
  return new WhiskersError(
    "trust-refused",
    `${familiarReference(reference)} (${digest}): ${name} wants ${how} by ${keys.length === 1 ? "" : "some of "}${wanted} for ${match}${whyNot(problems)}`,
  );
}
