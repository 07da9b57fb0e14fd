import type { Sink } from "./sink.ts";

/** For a person who reads the records where they were made: they go nowhere. */
export const collected: Sink = Object.freeze({
  name: "collected",
  deliver: () => Promise.resolve({ sink: "collected" }),
});
