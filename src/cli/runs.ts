import { WhiskersError } from "../errors.ts";
import type { Command } from "./command.ts";

export const command: Command = {
  help: "whiskers runs [--failed] [--normalizer ID] [--limit N] [--json]\n",
  options: {},
  positionals: [0, 2],
  run() {
    return Promise.reject(new WhiskersError("usage", "whiskers runs is being written"));
  },
};
