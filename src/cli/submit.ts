import { WhiskersError } from "../errors.ts";
import type { Command } from "./command.ts";

export const command: Command = {
  help: "whiskers submit PACKAGE INPUT...\n",
  options: {},
  positionals: [2, 10000],
  run() {
    return Promise.reject(new WhiskersError("usage", "whiskers submit is being written"));
  },
};
