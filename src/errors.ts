/**
 * Every error that Whiskers reports, as a row: whose fault it is, whether trying again may help,
 * the exit code of a command that ends with it, and what to do. Retry, exit code and alert follow
 * from the row; nothing else decides them. `src/errors.test.ts` holds this table, the type and
 * docs/errors.md together.
 */
export type Fault = "normalizer" | "operator" | "upstream" | "platform";

interface Row {
  readonly fault: Fault;
  readonly retryable: boolean;
  /** 1: a normalizer failed; 2: wrong usage or unreadable input; 3: the platform failed. */
  readonly exitCode: 1 | 2 | 3;
  readonly summary: string;
  readonly remedy: string;
}

export const ERRORS = {
  "normalizer-raised": {
    fault: "normalizer",
    retryable: false,
    exitCode: 1,
    summary: "The normalizer raised an error.",
    remedy:
      "Read the message, and the stack or log below it; run it again on the same raw file with `whiskers run`.",
  },
  "normalizer-load-failed": {
    fault: "normalizer",
    retryable: false,
    exitCode: 1,
    summary: "The normalizer could not be loaded: its module, entry point or an import is missing or broken.",
    remedy:
      "Check `entrypoint` in normalizer.json and that every import is in the package or its environment.",
  },
  "normalizer-crashed": {
    fault: "normalizer",
    retryable: false,
    exitCode: 1,
    summary: "The normalizer's process ended without saying that it was done.",
    remedy:
      "Look at its last log lines; exit status 0 alone is not success where the guest protocol is spoken.",
  },
  "time-limit": {
    fault: "normalizer",
    retryable: false,
    exitCode: 1,
    summary: "The normalizer ran longer than its time limit and was ended.",
    remedy: "Raise `limits.time` in normalizer.json or `--timeout`, or find out what it waits for.",
  },
  "memory-limit": {
    fault: "normalizer",
    retryable: false,
    exitCode: 1,
    summary: "The normalizer needed more memory than its limit and was ended.",
    remedy: "Raise `limits.memory` in normalizer.json or `--memory`, or process the raw file in pieces.",
  },
  "output-limit": {
    fault: "normalizer",
    retryable: false,
    exitCode: 1,
    summary: "The normalizer gave more output than its limit and was ended.",
    remedy: "Raise `limits.output` or `limits.records` in normalizer.json if this much output is right.",
  },
  "log-limit": {
    fault: "normalizer",
    retryable: false,
    exitCode: 1,
    summary: "The normalizer flooded its log and was ended.",
    remedy: "Log less: the log is for people.",
  },
  "protocol-violation": {
    fault: "normalizer",
    retryable: false,
    exitCode: 1,
    summary: "The guest broke the guest protocol.",
    remedy: "Use an SDK, or check your implementation against protocol/vectors/.",
  },
  "protocol-version": {
    fault: "normalizer",
    retryable: false,
    exitCode: 1,
    summary: "The guest speaks no version of the guest protocol that this Whiskers speaks.",
    remedy: "Build the package with an SDK of this release, or upgrade Whiskers.",
  },
  "invalid-output": {
    fault: "normalizer",
    retryable: false,
    exitCode: 1,
    summary: "The normalizer gave records that do not fit the schema; nothing is delivered.",
    remedy: "Fix the records named in the rejections, or set `onInvalid` to `skip` in normalizer.json.",
  },
  cancelled: {
    fault: "operator",
    retryable: true,
    exitCode: 1,
    summary: "The run was cancelled.",
    remedy: "Run it again.",
  },
  usage: {
    fault: "operator",
    retryable: false,
    exitCode: 2,
    summary: "The command was used wrongly.",
    remedy: "See `whiskers help`, or `whiskers help COMMAND` for all about one command.",
  },
  "config-invalid": {
    fault: "operator",
    retryable: false,
    exitCode: 2,
    summary: "A setting has a value that cannot be used.",
    remedy: "Correct the setting that the message names.",
  },
  "input-unreadable": {
    fault: "operator",
    retryable: false,
    exitCode: 2,
    summary: "An input file cannot be read, or is not what it should be.",
    remedy:
      "Correct what the message names; an input is a raw file, a folder of them, or the ZIP that OpenKAT lets you download.",
  },
  "manifest-invalid": {
    fault: "operator",
    retryable: false,
    exitCode: 2,
    summary: "The package's normalizer.json is missing or wrong.",
    remedy: "Correct the key that the message names; docs/manifest.md lists them all.",
  },
  "package-unreadable": {
    fault: "operator",
    retryable: false,
    exitCode: 2,
    summary: "The package's folder cannot be read, or holds something that a package may not hold.",
    remedy: "Remove or fix the file that the message names.",
  },
  "environment-missing": {
    fault: "operator",
    retryable: false,
    exitCode: 2,
    summary: "This machine has no interpreter or program that the package asks for.",
    remedy: "Install it, or choose a runtime with a root filesystem of its own.",
  },
  "root-failed": {
    fault: "platform",
    retryable: true,
    exitCode: 3,
    summary: "A base root filesystem could not be made.",
    remedy: "The message holds what mmdebstrap said: most often Debian's packages could not be fetched.",
  },
  "dependencies-failed": {
    fault: "operator",
    retryable: true,
    exitCode: 2,
    summary: "pip, npm or composer could not install what the package's lock file names.",
    remedy:
      "Read what the tool said, in the message; the index is the one that its own settings name. Only wheels are installed, and no scripts are run.",
  },
  "build-failed": {
    fault: "normalizer",
    retryable: false,
    exitCode: 1,
    summary: "The normalizer's source could not be compiled.",
    remedy: "Read what the compiler said, in the message, and correct the source.",
  },
  "runtime-unavailable": {
    fault: "operator",
    retryable: false,
    exitCode: 3,
    summary: "The runtime that was asked for does not work on this machine.",
    remedy: "Run `whiskers doctor`: it says what is missing and how to get it.",
  },
  "state-unsupported": {
    fault: "operator",
    retryable: false,
    exitCode: 2,
    summary: "The state policy that was asked for is not possible with this guest and runtime.",
    remedy: "Use `--state fresh`, which every guest and runtime can do.",
  },
  "sandbox-failed": {
    fault: "platform",
    retryable: true,
    exitCode: 3,
    summary: "The sandbox could not be started, or ended by something other than its guest.",
    remedy: "Run `whiskers doctor`; the message holds what the runtime said.",
  },
  "upstream-unavailable": {
    fault: "upstream",
    retryable: true,
    exitCode: 3,
    summary: "Mula, Bytes or Octopoes cannot be reached, or failed.",
    remedy: "Look at the service that the message names; the work is tried again by itself.",
  },
  "upstream-refused": {
    fault: "upstream",
    retryable: false,
    exitCode: 3,
    summary: "Mula, Bytes or Octopoes refused a request, and would refuse it again.",
    remedy: "Read the answer in the message; an organisation or a scanned object may have been deleted.",
  },
  "upstream-credentials": {
    fault: "operator",
    retryable: false,
    exitCode: 2,
    summary: "Bytes refused the user name and password.",
    remedy: "Correct BYTES_USERNAME and BYTES_PASSWORD.",
  },
  "sink-unwritable": {
    fault: "operator",
    retryable: true,
    exitCode: 3,
    summary: "An output could not be written to its file.",
    remedy: "Look at the folder of WHISKERS_JSONL_FOLDER: whose it is, and whether its disk is full.",
  },
  "state-locked": {
    fault: "operator",
    retryable: false,
    exitCode: 2,
    summary: "Another process uses this embedded database.",
    remedy: "Set DATABASE_URL to a PostgreSQL server to run several processes, or stop the other one.",
  },
  "database-unavailable": {
    fault: "upstream",
    retryable: true,
    exitCode: 3,
    summary: "The PostgreSQL server cannot be reached, refuses us, or is too old.",
    remedy: "Check DATABASE_URL and the server; unset it to use the embedded database.",
  },
  "database-newer": {
    fault: "operator",
    retryable: false,
    exitCode: 2,
    summary: "The database was set up by a newer Whiskers.",
    remedy: "Upgrade this Whiskers to the version that the others run.",
  },
  "worker-lost": {
    fault: "platform",
    retryable: false,
    exitCode: 3,
    summary: "Every process that ran this task ended before the task did, as often as a task may be tried.",
    remedy: "Look at why those processes ended (out of memory?), then run it alone with `whiskers run`.",
  },
  "reference-invalid": {
    fault: "operator",
    retryable: false,
    exitCode: 2,
    summary: "An image reference or a digest cannot be read.",
    remedy: "Write it as REGISTRY/REPOSITORY:TAG or REGISTRY/REPOSITORY@sha256:DIGEST, in lower case.",
  },
  "image-missing": {
    fault: "operator",
    retryable: false,
    exitCode: 2,
    summary: "An image, or a part of one, is not in the local store.",
    remedy: "`whiskers list` says what is there; `whiskers pull` gets an image from its registry.",
  },
  "image-invalid": {
    fault: "operator",
    retryable: false,
    exitCode: 2,
    summary: "An image holds something that an image may not hold, or is not one.",
    remedy: "Build it anew, or ask whoever built it; nothing of it was kept that could be run.",
  },
  "image-too-large": {
    fault: "operator",
    retryable: false,
    exitCode: 2,
    summary: "An image, or a part of one, is larger than what is accepted.",
    remedy: "Build a smaller one; docs/images.md lists the limits.",
  },
  "image-damaged": {
    fault: "platform",
    retryable: true,
    exitCode: 3,
    summary: "Content in the local store is not what its digest says; it was removed.",
    remedy: "Pull or build the image again, and look at the disk: the store never changes what it holds.",
  },
  "key-unusable": {
    fault: "operator",
    retryable: false,
    exitCode: 2,
    summary: "A key to sign or to check signatures with cannot be used.",
    remedy:
      "Keys are PEM, ECDSA on P-256: those of `whiskers keygen`, of `cosign generate-key-pair` (its password in COSIGN_PASSWORD) or of OpenSSL.",
  },
  "signature-missing": {
    fault: "operator",
    retryable: false,
    exitCode: 2,
    summary: "An image has no signature by a key that must have signed it.",
    remedy:
      "Do not run it before you know why: ask whoever built it to sign this digest, or check that it is the right key.",
  },
  "trust-refused": {
    fault: "operator",
    retryable: false,
    exitCode: 2,
    summary: "The trust policy of this machine does not allow this package; nothing of it was unpacked.",
    remedy: "Read the reason in the message; docs/trust.md says how WHISKERS_TRUST_POLICY is written.",
  },
  "content-mismatch": {
    fault: "upstream",
    retryable: false,
    exitCode: 3,
    summary: "Content is not what its digest and size say.",
    remedy: "Nothing of it was kept. Look at what the registry, mirror or proxy in between serves.",
  },
  "registry-unavailable": {
    fault: "upstream",
    retryable: true,
    exitCode: 3,
    summary: "A registry cannot be reached, failed, or was too slow, several times.",
    remedy: "Try again later, or set a mirror (WHISKERS_REGISTRY_MIRRORS); what was fetched is kept.",
  },
  "registry-refused": {
    fault: "upstream",
    retryable: false,
    exitCode: 3,
    summary: "A registry refused a request, and would refuse it again.",
    remedy: "Read its answer in the message: the image may not be there, or not be yours to push.",
  },
  "registry-credentials": {
    fault: "operator",
    retryable: false,
    exitCode: 2,
    summary: "A registry asks who asks, and what Docker's config has for it is missing or wrong.",
    remedy: "Log in with `docker login` or `skopeo login --compat-auth-file`, or set DOCKER_CONFIG.",
  },
  "registry-untrusted": {
    fault: "operator",
    retryable: false,
    exitCode: 2,
    summary: "A registry's certificate is not trusted, or it wants to be talked to without TLS.",
    remedy: "Set WHISKERS_REGISTRY_CA to its authority, or name the host in WHISKERS_INSECURE_REGISTRIES.",
  },
  "registry-violation": {
    fault: "upstream",
    retryable: false,
    exitCode: 3,
    summary: "A registry did what the distribution specification does not allow.",
    remedy: "Nothing was kept. Look at the registry, or at the proxy in between, that the message names.",
  },
  "store-busy": {
    fault: "operator",
    retryable: true,
    exitCode: 2,
    summary: "The local store of images was in use all the time.",
    remedy: "Try again when fewer commands pull, build or unpack.",
  },
  "store-unusable": {
    fault: "platform",
    retryable: true,
    exitCode: 3,
    summary: "The local store of images cannot be read or written.",
    remedy: "Look at free space and permissions of `images` in WHISKERS_HOME.",
  },
  internal: {
    fault: "platform",
    retryable: true,
    exitCode: 3,
    summary: "Whiskers itself failed.",
    remedy: "This is a defect: report it with the message and stack.",
  },
} as const satisfies Record<string, Row>;

export type ErrorCode = keyof typeof ERRORS;

/** An error with a row in ERRORS. `message` names what, where and which value; the remedy is the row's. */
export class WhiskersError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = "WhiskersError";
    this.code = code;
  }

  get row(): Row {
    return ERRORS[this.code];
  }
}
