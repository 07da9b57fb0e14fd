import { createSubprocessDriver } from "../../src/sandbox/drivers/subprocess/create-subprocess-driver.ts";
import { driverContract } from "./driver.ts";

driverContract(
  "subprocess, bubblewrap",
  (folders) => createSubprocessDriver({ ...folders, variant: "bubblewrap" }),
  { mustWork: true },
);
