import { diskImage } from "../../src/packages/disk-image.ts";
import { createMicrovmDriver } from "../../src/sandbox/drivers/microvm/create-microvm-driver.ts";
import { baseRoot } from "../fixtures/base-root.ts";
import { whyNoMachine } from "../fixtures/debian-machine.ts";
import { machineOptions } from "../fixtures/machine-options.ts";
import { NONE, usedMachines } from "../fixtures/used-machines.ts";
import { driverContract } from "./driver.ts";

const unavailable = whyNoMachine();
const machines = unavailable === null ? await machineOptions() : { kernel: "/nonexistent" };
const used = unavailable === null ? await usedMachines(machines) : NONE;
const isWhole = process.env["WHISKERS_TEST_MICROVM"] === "all" || !used.isEmulated;

driverContract(used.title, (folders) => createMicrovmDriver({ ...folders, diskImage, ...machines }), {
  ownKernel: true,
  root: () => baseRoot("python:3.11"),
  ...(isWhole
    ? { rootsOf: { javascript: () => baseRoot("node"), php: () => baseRoot("php") } }
    : {
        only: {
          titles: [
            "probe says",
            "three streams",
            "printed comes whole",
            "files are placed",
            "kill ends daemons",
            "terminate asks",
          ],
          otherwise: "machines are emulated here: WHISKERS_TEST_MICROVM=all runs the whole contract",
        },
      }),
});
