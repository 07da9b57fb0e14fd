import { createOciDriver } from "../../src/sandbox/drivers/oci/create-oci-driver.ts";
import { baseRoot } from "../fixtures/base-root.ts";
import { driverContract } from "./driver.ts";

driverContract("oci, runc, on a base root", (folders) => createOciDriver({ ...folders, runtime: "runc" }), {
  root: () => baseRoot("python:3.11"),
});
