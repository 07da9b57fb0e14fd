import { createOciDriver } from "../../src/sandbox/drivers/oci/create-oci-driver.ts";
import { driverContract } from "./driver.ts";

driverContract("oci, runsc", (folders) => createOciDriver({ ...folders, runtime: "runsc" }), {
  ownKernel: true,
});
