import { createInlineDriver } from "../../src/sandbox/drivers/inline/create-inline-driver.ts";
import { driverContract } from "./driver.ts";

driverContract("inline", (folders) => createInlineDriver(folders));
