import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { suite, test } from "node:test";

import { openKatSettings, readSupervisorSettings, SUPERVISOR_SETTINGS } from "./supervisor-settings.ts";

const OPENKAT = {
  SCHEDULER_API: "http://scheduler:8000",
  BYTES_API: "http://bytes:8000",
  BYTES_USERNAME: "u",
  BYTES_PASSWORD: "secret",
  OCTOPOES_API: "http://octopoes_api:80",
};

suite("readSupervisorSettings", () => {
  test("OpenKAT's names mean what they mean there", () => {
    const settings = readSupervisorSettings({
      ...OPENKAT,
      BOEFJES_POOL_SIZE: "7",
      BOEFJES_POLL_INTERVAL: "0.5",
      BOEFJES_OUTGOING_REQUEST_TIMEOUT: "12",
      BOEFJES_SCAN_PROFILE_WHITELIST: '{"kat_external_db_normalize": 3}',
    });
    assert.equal(settings.slots, 7);
    assert.equal(settings.pollMs, 500);
    assert.equal(settings.requestTimeoutMs, 12_000);
    assert.deepEqual(settings.scanProfileWhitelist, { kat_external_db_normalize: 3 });
    assert.equal(openKatSettings(settings)?.schedulerApi, "http://scheduler:8000");
    assert.equal(readSupervisorSettings({ BOEFJES_POOL_SIZE: "7", WHISKERS_SLOTS: "3" }).slots, 3);
  });

  test("all of OpenKAT's services, or none", () => {
    assert.equal(openKatSettings(readSupervisorSettings({})), null);
    const some = readSupervisorSettings({ ...OPENKAT, BYTES_PASSWORD: "" });
    assert.throws(() => openKatSettings(some), {
      code: "config-invalid",
      message: /^BYTES_PASSWORD must be set/u,
    });
  });

  test("refuses what cannot be used, and prints no secret", () => {
    const refused: readonly (readonly [Record<string, string>, RegExp])[] = [
      [{ SCHEDULER_API: "scheduler" }, /^SCHEDULER_API is "scheduler": expected a URL/u],
      [{ BOEFJES_SCAN_PROFILE_WHITELIST: '{"x": 5}' }, /^BOEFJES_SCAN_PROFILE_WHITELIST is /u],
      [{ BOEFJES_SCAN_PROFILE_WHITELIST: "x" }, /levels 0 to 4/u],
      [{ WHISKERS_SLOTS: "0" }, /^WHISKERS_SLOTS is "0": expected a whole number from 1 to 256$/u],
      [{ WHISKERS_NORMALIZERS: " , " }, /^WHISKERS_NORMALIZERS is /u],
      [{ WHISKERS_ERROR_RAWS: "maybe" }, /expected true or false$/u],
      [{ WHISKERS_CLAIM_SECONDS: "5" }, /from 10 to 3600$/u],
      [{ DATABASE_URL: "mysql://me:hunter2@host/x" }, /^DATABASE_URL is set to something: expected a URL/u],
    ];
    for (const [env, message] of refused) {
      assert.throws(
        () => readSupervisorSettings(env),
        (error: Error) => {
          assert.match(error.message, message);
          return !error.message.includes("hunter2");
        },
      );
    }
  });

  test("docs/supervise.md lists every setting", () => {
    const text = readFileSync(new URL("../../docs/supervise.md", import.meta.url), "utf8");
    for (const { name } of Object.values(SUPERVISOR_SETTINGS)) assert.ok(text.includes(`\`${name}\``), name);
  });
});
