import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";

import type { Database } from "./database.ts";
import { openEmbedded } from "./embedded.ts";

const MIB = 1024 * 1024;

suite("the embedded database", { timeout: 120_000 }, () => {
  let home: string;
  let database: Database;
  before(async () => {
    home = mkdtempSync(join(tmpdir(), "whiskers-embedded-"));
    database = await openEmbedded(home);
    await database.query("create table note (text text)");
  });
  after(async () => {
    await database.close();
    rmSync(home, { recursive: true });
  });

  test("an error has PostgreSQL's message and code", async () => {
    await assert.rejects(database.query("select 1 / 0"), { message: "division by zero", code: "22012" });
    await assert.rejects(database.script("begin; select 1 / 0"), { code: "22012" });
    assert.deepEqual(await database.query("select 1 as one"), [{ one: 1 }]);
  });

  test("a transaction that fails leaves nothing, and others wait until it is over", async () => {
    const failed = database.transaction(async (connection) => {
      await connection.query("insert into note values ('inside')");
      throw new Error("changed my mind");
    });
    const outside = database.query("select text from note");
    await assert.rejects(failed, /changed my mind/u);
    assert.deepEqual(await outside, []);
  });

  test("the process that has it open and at work takes at most 300 MB, also for a moment", async () => {
    await database.close();
    const script = `
      const { openEmbedded } = await import(${JSON.stringify(new URL("embedded.ts", import.meta.url).href)});
      const database = await openEmbedded(${JSON.stringify(home)});
      const text = "x".repeat(1000);
      for (let n = 0; n < 300; n += 1) {
        await database.transaction(async (connection) => {
          await connection.query("insert into note select $1 from generate_series(1, 8)", [text]);
          await connection.query("delete from note where text = any ($1::text[])", [[text]]);
        });
      }
      await database.close();
      process.stdout.write(String(process.resourceUsage().maxRSS * 1024));`;
    const peak = Number(execFileSync(process.execPath, ["--input-type=module", "-e", script]));
    assert.ok(peak > 50 * MIB && peak < 300 * MIB, `${Math.round(peak / MIB)} MiB`);
    database = await openEmbedded(home);
  });
});
