/**
 * The hostile suite against the `microvm` driver. Machines are emulated where there is no KVM, and every attack starts
 * some, so it runs only when it is asked for: WHISKERS_TEST_MICROVM=all.
 */
import path from "node:path";

import { diskImage } from "../../src/packages/disk-image.ts";
import { createMicrovmDriver } from "../../src/sandbox/drivers/microvm/create-microvm-driver.ts";
import { baseRoot } from "../fixtures/base-root.ts";
import { debianKernel } from "../fixtures/debian-kernel.ts";
import { whyNoMachine } from "../fixtures/debian-machine.ts";
import { hostileSuite } from "./hostile-suite.ts";

const sdkFolder = path.resolve(import.meta.dirname, "../../sdk");
const isWanted = process.env["WHISKERS_TEST_MICROVM"] === "all";
const skip = isWanted
  ? whyNoMachine()
  : "it takes an hour where machines are emulated: WHISKERS_TEST_MICROVM=all";
const kernel = skip === null ? await debianKernel() : "/nonexistent";

hostileSuite(
  "microvm",
  (stateDirectory) => createMicrovmDriver({ stateDirectory, sdkFolder, diskImage, kernel }),
  {
    sharesKernel: false,
    concurrency: 1,
    root: skip === null ? await baseRoot("python:3.11") : null,
    ...(skip === null ? {} : { skip }),
    // Names of attacks, by commas: for work on one of them.
    only: process.env["WHISKERS_ATTACKS"]?.split(","),
  },
);
