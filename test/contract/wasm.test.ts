import { createWasmDriver } from "../../src/sandbox/drivers/wasm/create-wasm-driver.ts";
import { driverContract } from "./driver.ts";

driverContract("wasm", (folders) => createWasmDriver(folders), { mustWork: true });

driverContract("wasm, with nothing around it", (folders) =>
  createWasmDriver({ ...folders, around: "nothing" }),
);
