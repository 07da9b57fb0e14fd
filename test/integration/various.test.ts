/** One `whiskers supervise`, and normalizers whose languages, versions and libraries have nothing to do with each other. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, suite, test } from "node:test";

import { checkObject } from "../../src/cli/check-object.ts";
import { type MockOpenKat, startMockOpenKat } from "../../src/mock-openkat/start-mock-openkat.ts";
import { shareRoot } from "../fixtures/base-root.ts";
import { javascriptPackage, phpPackage, pythonPackage, writeFiles } from "../fixtures/dependent-packages.ts";
import { eventually } from "../fixtures/eventually.ts";
import { startSupervisor } from "../fixtures/supervisor-process.ts";

const SOURCE = "Network|internet";
const TASKS_EACH = 3;
const PYTHON = `import sys, colour
def run(meta, raw):
    yield {"object_type": "Network", "name": "%d.%d colour %s" % (*sys.version_info[:2], colour.VERSION)}
`;

suite("various environments", { timeout: 360_000 }, () => {
  let root = "";
  let mock: MockOpenKat;
  before(async () => {
    root = realpathSync(mkdtempSync(path.join(tmpdir(), "whiskers-various-")));
    mkdirSync(path.join(root, "home"));
    mock = await startMockOpenKat({ check: checkObject });
    mock.graphs.get("org")?.declare(SOURCE, {
      object_type: "Network",
      name: "internet",
      primary_key: SOURCE,
    });
  });
  after(async () => {
    await mock.close();
    rmSync(root, { recursive: true, force: true });
  });

  test("one supervisor runs two Pythons, Node.js and PHP side by side, each with its version of a library", async () => {
    const home = path.join(root, "home");
    const place = (id: string): string => path.join(root, "normalizers", id);
    const wanted = new Map<string, string>();
    for (const [id, python, library] of [
      ["python-old", "3.9", "1.0"],
      ["python-new", "3.11", "2.0"],
    ] as const) {
      await shareRoot(home, `python:${python}`);
      const folder = pythonPackage(place(id), library, id, `python:${python}`);
      writeFiles(folder, { "normalize.py": PYTHON });
      wanted.set(id, `${python} colour ${library}`);
    }
    for (const [id, version] of [
      ["node-old", "2.0.0"],
      ["node-new", "2.1.3"],
    ] as const) {
      javascriptPackage(place(id), version);
      wanted.set(id, `1m ${version}`);
    }
    phpPackage(place("php"), "3.0.0");
    wanted.set("php", "3.0.0");

    const supervisor = await startSupervisor({
      mock,
      home,
      databaseUrl: null,
      readyMs: 240_000,
      env: {
        ...clientSettings(),
        WHISKERS_NORMALIZERS: path.join(root, "normalizers"),
        WHISKERS_ROOTS: "auto",
      },
    });
    try {
      // Mixed, so that sandboxes of all of them are warm at once.
      const tasks = Array.from({ length: TASKS_EACH }, () => [...wanted.keys()])
        .flat()
        .map((normalizer) => ({
          normalizer,
          id: mock.addWork({ normalizer, content: Buffer.from("x"), inputOoi: SOURCE }),
        }));
      const status = (id: string): string | undefined => mock.tasks.get(id)?.status;
      await eventually(
        "all tasks are final",
        () => tasks.every(({ id }) => ["completed", "failed"].includes(status(id) ?? "")),
        90_000,
      );
      for (const { normalizer, id } of tasks) {
        assert.equal(status(id), "completed", `${normalizer}: ${JSON.stringify(supervisor.log)}`);
        const body = mock.received.find(({ taskId, kind }) => taskId === id && kind === "observation")
          ?.body as { readonly result: readonly { readonly name: string }[] } | undefined;
        assert.deepEqual(
          body?.result.map(({ name }) => name),
          [wanted.get(normalizer)],
          normalizer,
        );
      }
    } finally {
      await supervisor.kill();
    }
  });
});

/** Where pip, npm and composer look, on a machine that says so by the environment or in a home. */
function clientSettings(): Record<string, string> {
  const names = Object.keys(process.env).filter((name) => /^(?:HOME$|npm_config_|PIP_)|_proxy$/iu.test(name));
  return Object.fromEntries(names.map((name) => [name, process.env[name] ?? ""]));
}
