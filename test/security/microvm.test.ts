/**
 * The hostile suite against the `microvm` driver. Machines are emulated where there is no KVM, and every attack starts
 * some: every test run tries a few of them, WHISKERS_TEST_ATTACKS=all all.
 */
import path from "node:path";

import { diskImage } from "../../src/packages/disk-image.ts";
import { createMicrovmDriver } from "../../src/sandbox/drivers/microvm/create-microvm-driver.ts";
import { baseRoot } from "../fixtures/base-root.ts";
import { whyNoMachine } from "../fixtures/debian-machine.ts";
import { machineOptions } from "../fixtures/machine-options.ts";
import { NONE, usedMachines } from "../fixtures/used-machines.ts";
import { hostileSuite } from "./hostile-suite.ts";
import { triedByDefault } from "./tried-by-default.ts";
import { expectedOfMachines } from "./weaknesses.ts";

const sdkFolder = path.resolve(import.meta.dirname, "../../sdk");
const skip = whyNoMachine() ?? undefined;
const machines = skip === undefined ? await machineOptions() : { kernel: "/nonexistent" };
const used = skip === undefined ? await usedMachines(machines) : NONE;

hostileSuite(
  used.title,
  (stateDirectory) => createMicrovmDriver({ stateDirectory, sdkFolder, diskImage, ...machines }),
  {
    sharesKernel: false,
    root: skip === undefined ? await baseRoot("python:3.11") : null,
    javascriptRoot: skip === undefined ? await baseRoot("node") : null,
    skip,
    only: triedByDefault("machines"),
    ...expectedOfMachines(used),
  },
);
