/**
 * The hostile suite against the `microvm` driver. Machines are emulated where there is no KVM, and every attack starts
 * some: every test run tries a few of them, WHISKERS_TEST_ATTACKS=all all.
 */
import path from "node:path";

import { diskImage } from "../../src/packages/disk-image.ts";
import { createMicrovmDriver } from "../../src/sandbox/drivers/microvm/create-microvm-driver.ts";
import { baseRoot } from "../fixtures/base-root.ts";
import { debianKernel } from "../fixtures/debian-kernel.ts";
import { whyNoMachine } from "../fixtures/debian-machine.ts";
import { hostileSuite } from "./hostile-suite.ts";
import { triedByDefault } from "./tried-by-default.ts";
import { EMULATED } from "./weaknesses.ts";

const sdkFolder = path.resolve(import.meta.dirname, "../../sdk");
const skip = whyNoMachine() ?? undefined;
const kernel = skip === undefined ? await debianKernel() : "/nonexistent";

hostileSuite(
  "microvm (qemu, tcg)",
  (stateDirectory) => createMicrovmDriver({ stateDirectory, sdkFolder, diskImage, kernel }),
  {
    sharesKernel: false,
    root: skip === undefined ? await baseRoot("python:3.11") : null,
    javascriptRoot: skip === undefined ? await baseRoot("node") : null,
    skip,
    only: triedByDefault("machines"),
    ...EMULATED,
  },
);
