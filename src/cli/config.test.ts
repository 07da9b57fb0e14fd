import assert from "node:assert/strict";
import { suite, test } from "node:test";

import type { Setting } from "../config/setting.ts";
import { readSettings } from "../config/settings.ts";
import { readSupervisorSettings, SUPERVISOR_SETTINGS } from "../config/supervisor-settings.ts";
import { command } from "./config.ts";
import { describeTerminal } from "./terminal/terminal.ts";

const ENV = { HOME: "/home/somebody", WHISKERS_RAW_TIMEOUT: "1500ms" };

async function shownSettings(): Promise<ReadonlyMap<string, unknown>> {
  let text = "";
  const terminal = describeTerminal({}, {});
  await command.run(
    { positionals: [], values: { json: true } },
    {
      env: ENV,
      settings: () => readSettings(ENV),
      signal: new AbortController().signal,
      out: (part) => {
        text += part;
        return Promise.resolve();
      },
      err: () => {},
      outTerminal: terminal,
      errTerminal: terminal,
    },
  );
  const { settings } = JSON.parse(text) as { settings: { name: string; value: unknown }[] };
  return new Map(settings.map(({ name, value }) => [name, value]));
}

suite("whiskers config", () => {
  test("shows times and sizes as their variables take them", async () => {
    const shown = await shownSettings();
    assert.equal(shown.get("WHISKERS_RAW_TIMEOUT"), "1500ms");
    assert.equal(shown.get("WHISKERS_RAW_MAX_SIZE"), "1G");
    assert.equal(shown.get("BOEFJES_OUTGOING_REQUEST_TIMEOUT"), "30s");
  });
  test("every number that it shows, given back, means the same", async () => {
    const shown = await shownSettings();
    const values: object = readSupervisorSettings(ENV);
    for (const [key, value] of Object.entries(values)) {
      if (typeof value !== "number") continue;
      const setting = (SUPERVISOR_SETTINGS as unknown as Record<string, Setting<unknown>>)[key];
      assert.equal(setting?.parse(String(shown.get(setting.name))), value, key);
    }
  });
});
