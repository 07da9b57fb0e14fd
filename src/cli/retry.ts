import { WhiskersError } from "../errors.ts";
import type { Command } from "./command.ts";

export const command: Command = {
  help: "whiskers retry ID... | --failed [--normalizer ID] [--limit N]\n",
  options: {},
  positionals: [0, 10000],
  run() {
    return Promise.reject(new WhiskersError("usage", "whiskers retry is being written"));
  },
};
