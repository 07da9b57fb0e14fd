import type { Command } from "./command.ts";

interface Row {
  readonly name: string;
  /** One line for `whiskers help`. */
  readonly summary: string;
  /** Only the command that is wanted is loaded. */
  readonly load: () => Promise<{ readonly command: Command }>;
}

/** Every command, in the order of `whiskers help`. */
export const COMMANDS: readonly Row[] = [
  {
    name: "demo",
    summary: "see it work: a few hundred real tasks through the sandbox, some of them hostile",
    load: () => import("./demo.ts"),
  },
  {
    name: "new",
    summary: "begin a normalizer: a folder with code, manifest and a test, in any of six languages",
    load: () => import("./new.ts"),
  },
  {
    name: "run",
    summary: "run a normalizer on raw files and show what comes out",
    load: () => import("./run.ts"),
  },
  {
    name: "test",
    summary: "compare what a normalizer gives with what its cases expect; try it with hostile raw files",
    load: () => import("./test.ts"),
  },
  {
    name: "diff",
    summary: "run two versions of a normalizer on the same raw files and compare what they give",
    load: () => import("./diff.ts"),
  },
  {
    name: "supervise",
    summary: "take the place of OpenKAT's normalizer worker",
    load: () => import("./supervise.ts"),
  },
  {
    name: "runs",
    summary: "what was run and what came of it; all about one run",
    load: () => import("./runs.ts"),
  },
  {
    name: "retry",
    summary: "queue failed tasks again",
    load: () => import("./retry.ts"),
  },
  {
    name: "submit",
    summary: "queue raw files for `whiskers supervise`, without OpenKAT's scheduler",
    load: () => import("./submit.ts"),
  },
  {
    name: "backfill",
    summary: "run a normalizer on raw files that are in Bytes already",
    load: () => import("./backfill.ts"),
  },
  {
    name: "mock-openkat",
    summary: "OpenKAT's scheduler, raw file store and object graph in memory, to try things with",
    load: () => import("./mock-openkat.ts"),
  },
  {
    name: "import",
    summary: "which normalizers of a folder of OpenKAT plugins run as they are, and what the others need",
    load: () => import("./import.ts"),
  },
  {
    name: "install",
    summary: "give every supervisor on the database a normalizer's image to run, without a restart",
    load: () => import("./install.ts"),
  },
  {
    name: "uninstall",
    summary: "take back what was installed",
    load: () => import("./uninstall.ts"),
  },
  {
    name: "catalogue",
    summary: "the normalizers that supervisors run, by settings and by installation",
    load: () => import("./catalogue.ts"),
  },
  {
    name: "root",
    summary: "make, list and remove base root filesystems for normalizers to run on",
    load: () => import("./root.ts"),
  },
  {
    name: "pull",
    summary: "get an image from a registry, an OCI layout or an archive",
    load: () => import("./pull.ts"),
  },
  {
    name: "push",
    summary: "bring an image to a registry, an OCI layout or an archive",
    load: () => import("./push.ts"),
  },
  {
    name: "inspect",
    summary: "what an image is made of",
    load: () => import("./inspect.ts"),
  },
  {
    name: "list",
    summary: "the images on this machine",
    load: () => import("./list.ts"),
  },
  {
    name: "rm",
    summary: "forget images on this machine",
    load: () => import("./rm.ts"),
  },
  {
    name: "gc",
    summary: "free the space of what no image on this machine needs",
    load: () => import("./gc.ts"),
  },
  {
    name: "build",
    summary: "make an OCI image of a package: reproducible, without a daemon",
    load: () => import("./build.ts"),
  },
  {
    name: "sbom",
    summary: "which libraries an image brings along",
    load: () => import("./sbom.ts"),
  },
  {
    name: "keygen",
    summary: "make a key pair to sign images with",
    load: () => import("./keygen.ts"),
  },
  {
    name: "sign",
    summary: "sign an image, so that `cosign verify` and `whiskers verify` say so",
    load: () => import("./sign.ts"),
  },
  {
    name: "verify",
    summary: "check who signed an image",
    load: () => import("./verify.ts"),
  },
  {
    name: "doctor",
    summary: "which runtimes work here, which protections are in force, what is missing",
    load: () => import("./doctor.ts"),
  },
  {
    name: "bench",
    summary: "how long a run takes here in every runtime, beside what people use today",
    load: () => import("./bench.ts"),
  },
  {
    name: "explain",
    summary: "what an error code means, whose fault it is, what to do",
    load: () => import("./explain.ts"),
  },
  {
    name: "config",
    summary: "every setting, its value and where it comes from",
    load: () => import("./config.ts"),
  },
  {
    name: "help",
    summary: "this list, or all about one command",
    load: () => import("./help.ts"),
  },
  {
    name: "version",
    summary: "the version of Whiskers",
    load: () => import("./version.ts"),
  },
];
