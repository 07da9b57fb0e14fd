import assert from "node:assert/strict";
import { it } from "node:test";
import type { TestContext } from "node:test";
import { setImmediate as turn } from "node:timers/promises";

import { EngineError } from "./engine.ts";
import { Leftovers } from "./leftovers.ts";

/** An engine that answers what it is asked with these, one after another, and the last again and again. */
function engineThat(answers: readonly (number | null)[]): { asked: string[]; ask(): Promise<unknown> } {
  const asked: string[] = [];
  return {
    asked,
    ask: (...[method, path]: readonly unknown[]) => {
      const answer = answers[Math.min(asked.length, answers.length - 1)] ?? null;
      asked.push(`${String(method)} ${String(path)}`);
      return answer === 204 ? Promise.resolve(null) : Promise.reject(new EngineError(answer, "no"));
    },
  };
}

/** So many times as long as it waits between two tries. */
async function wait(t: TestContext, times: number): Promise<void> {
  for (let count = 0; count < times; count += 1) {
    t.mock.timers.tick(5000);
    await turn();
  }
}

it("what could not be removed is tried again until the engine says that it is gone", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const engine = engineThat([null, 500, 409, 204, 404]);
  new Leftovers(engine).add("left", { mayCome: false });
  await wait(t, 10);
  assert.deepEqual(
    engine.asked,
    Array.from({ length: 5 }, () => "DELETE /containers/left"),
  );
});

it("what the engine may still be making is not given up because it is not there yet", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const engine = engineThat([404, 404, 204, 404]);
  new Leftovers(engine).add("late", { mayCome: true });
  await wait(t, 10);
  assert.equal(engine.asked.length, 10);
});
