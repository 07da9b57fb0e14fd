/** Never gives the event loop a turn. */
export function* run(): Generator<object> {
  process.on("SIGTERM", () => {});
  let turns = 0;
  while (turns >= 0) turns = (turns + 1) % 1000;
  yield {};
}
