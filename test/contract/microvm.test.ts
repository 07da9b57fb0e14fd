import { diskImage } from "../../src/packages/disk-image.ts";
import { createMicrovmDriver } from "../../src/sandbox/drivers/microvm/create-microvm-driver.ts";
import { baseRoot } from "../fixtures/base-root.ts";
import { whyNoMachine } from "../fixtures/debian-machine.ts";
import { machineOptions } from "../fixtures/machine-options.ts";
import { driverContract } from "./driver.ts";

const isWhole = process.env["WHISKERS_TEST_MICROVM"] === "all";
const unavailable = whyNoMachine();
const machines = unavailable === null ? await machineOptions() : { kernel: "/nonexistent" };

driverContract("microvm", (folders) => createMicrovmDriver({ ...folders, diskImage, ...machines }), {
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
