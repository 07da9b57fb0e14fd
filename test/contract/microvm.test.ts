import { diskImage } from "../../src/packages/disk-image.ts";
import { createMicrovmDriver } from "../../src/sandbox/drivers/microvm/create-microvm-driver.ts";
import { baseRoot } from "../fixtures/base-root.ts";
import { debianKernel } from "../fixtures/debian-kernel.ts";
import { whyNoMachine } from "../fixtures/debian-machine.ts";
import { driverContract } from "./driver.ts";

const isWhole = process.env["WHISKERS_TEST_MICROVM"] === "all";
const unavailable = whyNoMachine();
const kernel = unavailable === null ? await debianKernel() : null;

driverContract(
  "microvm",
  (folders) => createMicrovmDriver({ ...folders, diskImage, kernel: kernel ?? "/nonexistent" }),
  {
    ownKernel: true,
    root: () => baseRoot("python:3.11"),
    ...(isWhole
      ? { rootsOf: { javascript: () => baseRoot("node"), php: () => baseRoot("php") } }
      : {
          only: {
            titles: [
              "probe says",
              "three streams",
              "files are placed",
              "kill ends daemons",
              "terminate asks",
            ],
            otherwise: "machines are emulated here: WHISKERS_TEST_MICROVM=all runs the whole contract",
          },
        }),
  },
);
