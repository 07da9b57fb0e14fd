import { createOciDriver } from "../../src/sandbox/drivers/oci/create-oci-driver.ts";
import { driverContract } from "./driver.ts";

driverContract("oci, crun", (folders) => createOciDriver({ ...folders, runtime: "crun" }));
