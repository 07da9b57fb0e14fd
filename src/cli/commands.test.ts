import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { suite, test } from "node:test";

import { COMMANDS } from "./commands.ts";

suite("commands", () => {
  const document = readFileSync(new URL("../../docs/cli.md", import.meta.url), "utf8");
  for (const { name, load } of COMMANDS) {
    test(`the help of ${name} begins with its usage, and names every option`, async () => {
      const { command } = await load();
      assert.ok(command.help.startsWith(`whiskers ${name}`), command.help);
      assert.ok(command.help.endsWith("\n"));
      for (const option of Object.keys(command.options))
        assert.ok(command.help.includes(`--${option}`), option);
      for (const line of command.help.split("\n")) assert.ok(line.length <= 110, line);
    });
    test(`docs/cli.md knows ${name}`, () => {
      assert.ok(document.includes(`\`${name}\``));
    });
  }
});
