import { createSubprocessDriver } from "../../src/sandbox/drivers/subprocess/create-subprocess-driver.ts";
import { driverContract } from "./driver.ts";

driverContract(
  "subprocess, util-linux",
  (folders) => createSubprocessDriver({ ...folders, variant: "util-linux" }),
  { mustWork: true },
);
