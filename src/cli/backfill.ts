import { WhiskersError } from "../errors.ts";
import type { Command } from "./command.ts";

export const command: Command = {
  help: "whiskers backfill --normalizer ID [--since T] [--limit N] [--dry-run]\n",
  options: {},
  positionals: [0, 0],
  run() {
    return Promise.reject(new WhiskersError("usage", "whiskers backfill is being written"));
  },
};
