import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { beforeEach, afterEach, suite, test } from "node:test";

import { openCatalogue } from "./catalogue.ts";
import { openPackage } from "./open-package.ts";

let root = "";
let source = "";
let home = "";

suite("openPackage", () => {
  beforeEach(() => {
    root = mkdtempSync(path.join(tmpdir(), "whiskers-packages-"));
    source = path.join(root, "source");
    home = path.join(root, "home");
    makePackage(source);
  });
  afterEach(() => {
    rmSync(root, { recursive: true, force: true });
  });

  test("makes a copy with normalised modes, named by the digest, that does not change with the folder", async () => {
    const pkg = await openPackage(source, { home });
    assert.match(pkg.digest, /^sha256:[0-9a-f]{64}$/u);
    assert.equal(pkg.folder, path.join(home, "packages", pkg.digest.slice(7)));
    assert.deepEqual(tree(pkg.folder), {
      data: "d 755",
      "data/table.csv": "f 644 a,b\n",
      "link.py": "l normalize.py",
      "normalize.py": "f 644 def run(meta, raw): pass\n",
      "normalizer.json": `f 644 ${MANIFEST}`,
      tool: "f 755 #!/bin/sh\n",
    });
    writeFileSync(path.join(source, "normalize.py"), "changed\n");
    assert.equal(readFileSync(path.join(pkg.folder, "normalize.py"), "utf8"), "def run(meta, raw): pass\n");
    const changed = await openPackage(source, { home });
    assert.notEqual(changed.digest, pkg.digest);
    assert.equal(readFileSync(path.join(changed.folder, "normalize.py"), "utf8"), "changed\n");
  });

  test("the digest is that of the listing in docs/manifest.md", async () => {
    const { digest } = await openPackage(source, { home });
    const sha = (text: string): string => createHash("sha256").update(text).digest("hex");
    const file = (name: string, mode: string, text: string): string =>
      `file\0${name}\0${mode}\0${Buffer.byteLength(text)}\0${sha(text)}\n`;
    const listing =
      "whiskers-package/1\n" +
      file("data/table.csv", "-", "a,b\n") +
      "link\0link.py\0normalize.py\n" +
      file("normalize.py", "-", "def run(meta, raw): pass\n") +
      file("normalizer.json", "-", MANIFEST) +
      file("tool", "x", "#!/bin/sh\n");
    assert.equal(digest, `sha256:${sha(listing)}`);
  });

  test("times, umask, other modes, order of creation and what tools leave behind do not count", async () => {
    const { digest } = await openPackage(source, { home });
    const other = path.join(root, "other");
    const before = process.umask(0o077);
    try {
      makePackage(other, true);
    } finally {
      process.umask(before);
    }
    utimesSync(path.join(other, "normalize.py"), 1, 1);
    chmodSync(path.join(other, "data/table.csv"), 0o666);
    for (const left of [
      "__pycache__/x.cpython-311.pyc",
      ".git/HEAD",
      "node_modules/.cache/x",
      "data/old.pyc",
      "tests/one/raw",
      "target/CACHEDIR.TAG",
      "target/release/normalize",
    ]) {
      mkdirSync(path.dirname(path.join(other, left)), { recursive: true });
      writeFileSync(path.join(other, left), "x");
    }
    mkdirSync(path.join(other, "empty"));
    assert.equal((await openPackage(other, { home })).digest, digest);
  });

  test("each part of a file counts: name, bytes, executable bit, link target", async () => {
    const digests = new Set([(await openPackage(source, { home })).digest]);
    const changes: readonly (() => void)[] = [
      () => chmodSync(path.join(source, "normalize.py"), 0o755),
      () => writeFileSync(path.join(source, "data/table.csv"), "b,a\n"),
      () => writeFileSync(path.join(source, "data/Table.csv"), ""),
      () => {
        rmSync(path.join(source, "link.py"));
        symlinkSync("data/table.csv", path.join(source, "link.py"));
      },
    ];
    for (const change of changes) {
      change();
      digests.add((await openPackage(source, { home })).digest);
    }
    assert.equal(digests.size, changes.length + 1);
  });

  test("a change is seen however soon it comes after", async () => {
    const seen = new Set<string>();
    for (let round = 0; round < 10; round += 1) {
      writeFileSync(path.join(source, "normalize.py"), `# ${round}\n`);
      seen.add((await openPackage(source, { home })).digest);
    }
    assert.equal(seen.size, 10);
  });

  test("a copy that someone changed, or of which a part is missing, is made anew", async () => {
    const { folder } = await openPackage(source, { home });
    const intact = tree(folder);
    for (const damage of [
      () => writeFileSync(path.join(folder, "normalize.py"), "evil\n"),
      () => rmSync(path.join(folder, "data"), { recursive: true }),
      () => writeFileSync(path.join(folder, "more.py"), ""),
      () => chmodSync(path.join(folder, "tool"), 0o644),
    ]) {
      damage();
      assert.equal((await openPackage(source, { home })).folder, folder);
      assert.deepEqual(tree(folder), intact);
    }
    assert.deepEqual(readdirSync(path.join(home, "packages")), [path.basename(folder)], "drafts are removed");
  });

  test("many may open one package at once", async () => {
    const opened = await Promise.all(Array.from({ length: 8 }, () => openPackage(source, { home })));
    assert.equal(new Set(opened.map(({ folder }) => folder)).size, 1);
    assert.deepEqual(readdirSync(path.join(home, "packages")).length, 1);
  });

  test("a catalogue gives the same object until the folder changes", async () => {
    const catalogue = openCatalogue({ home });
    const first = await catalogue.open(source);
    assert.equal(await catalogue.open(source), first);
    writeFileSync(path.join(source, "normalize.py"), "changed\n");
    assert.notEqual(await catalogue.open(source), first);
  });

  const unreadable: Readonly<Record<string, readonly [() => void, RegExp]>> = {
    "a link to an absolute path": [() => symlinkSync("/etc/passwd", path.join(source, "x")), /absolute/u],
    "a link that leads outside": [() => symlinkSync("../../x", path.join(source, "x")), /not there|outside/u],
    "a link that leads outside and back to a file": [
      () => symlinkSync("../source2/f", path.join(source, "x")),
      /not there|outside/u,
    ],
    "a link that leads outside by way of another": [
      () => {
        symlinkSync(".", path.join(source, "data/here"));
        symlinkSync("data/here/../../../source/tool", path.join(source, "x"));
      },
      /not there|outside/u,
    ],
    "a link to nothing": [
      () => symlinkSync("nothing", path.join(source, "x")),
      /nothing, which is not there/u,
    ],
    "a link to itself": [() => symlinkSync("x", path.join(source, "x")), /x/u],
    "a link to what is left out": [
      () => {
        mkdirSync(path.join(source, ".git"));
        symlinkSync(".git", path.join(source, "x"));
      },
      /leave out/u,
    ],
    "a pipe": [() => execFileSync("mkfifo", [path.join(source, "x")]), /neither a file nor a folder/u],
    "a control character in a name": [
      () => writeFileSync(path.join(source, "x\u001b[2J"), ""),
      /control characters/u,
    ],
    "a name that is not UTF-8": [
      () => writeFileSync(Buffer.concat([Buffer.from(`${source}/`), Buffer.from([0xff])]), ""),
      /UTF-8/u,
    ],
    "folders without end": [
      () => mkdirSync(path.join(source, ...Array.from({ length: 80 }, () => "d")), { recursive: true }),
      /deeper than 64/u,
    ],
  };
  for (const [what, [make, message]] of Object.entries(unreadable)) {
    test(`refuses ${what}`, async () => {
      make();
      await assert.rejects(openPackage(source, { home }), { code: "package-unreadable", message });
      assert.deepEqual(entriesOf(path.join(home, "packages")), []);
    });
  }

  test("refuses a socket", async () => {
    const server = createServer().listen(path.join(source, "x"));
    await new Promise((resolve) => server.once("listening", resolve));
    try {
      await assert.rejects(openPackage(source, { home }), {
        code: "package-unreadable",
        message: /neither a file/u,
      });
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });

  test("says what is wrong with a folder that is no package", async () => {
    await assert.rejects(openPackage(path.join(root, "none"), { home }), {
      code: "package-unreadable",
      message: /no such file/u,
    });
    await assert.rejects(openPackage(path.join(source, "tool"), { home }), {
      code: "package-unreadable",
      message: /not a folder/u,
    });
    await assert.rejects(openPackage(path.join(source, "data"), { home }), {
      code: "manifest-invalid",
      message: /normalizer\.json: no such file/u,
    });
    writeFileSync(path.join(source, "normalizer.json"), Buffer.from([0xff, 0xfe]));
    await assert.rejects(openPackage(source, { home }), { code: "manifest-invalid", message: /not UTF-8/u });
    writeFileSync(path.join(source, "normalizer.json"), " ".repeat(256 * 1024 + 1));
    await assert.rejects(openPackage(source, { home }), {
      code: "manifest-invalid",
      message: /longer than/u,
    });
  });

  test("a program of the package has to be there and to be executable", async () => {
    writeFileSync(
      path.join(source, "normalizer.json"),
      '{"id":"p","name":"P","entrypoint":["./data/table.csv"]}',
    );
    await assert.rejects(openPackage(source, { home }), {
      code: "manifest-invalid",
      message: /not executable/u,
    });
    writeFileSync(path.join(source, "normalizer.json"), '{"id":"p","name":"P","entrypoint":["./none"]}');
    await assert.rejects(openPackage(source, { home }), {
      code: "manifest-invalid",
      message: /no such file/u,
    });
    writeFileSync(path.join(source, "normalizer.json"), '{"id":"p","name":"P","entrypoint":["./tool"]}');
    assert.equal((await openPackage(source, { home })).manifest.id, "p");
  });

  test("a folder without environment and entrypoint is one of OpenKAT's when it has a normalize.py", async () => {
    writeFileSync(path.join(source, "normalizer.json"), '{"id":"p","name":"P"}');
    const { manifest } = await openPackage(source, { home });
    assert.partialDeepStrictEqual(manifest.guest, { kind: "python", convention: "openkat" });
    rmSync(path.join(source, "link.py"));
    rmSync(path.join(source, "normalize.py"));
    await assert.rejects(openPackage(source, { home }), {
      code: "manifest-invalid",
      message: /one of OpenKAT's, which has a normalize\.py beside it, and there is none/u,
    });
  });
});

const MANIFEST = '{"id":"p","name":"P","environment":"python","entrypoint":"normalize:run"}';

function makePackage(folder: string, backwards = false): void {
  const files: readonly (() => void)[] = [
    () => writeFileSync(path.join(folder, "normalizer.json"), MANIFEST),
    () => writeFileSync(path.join(folder, "normalize.py"), "def run(meta, raw): pass\n"),
    () => writeFileSync(path.join(folder, "data/table.csv"), "a,b\n"),
    () => writeFileSync(path.join(folder, "tool"), "#!/bin/sh\n", { mode: 0o755 }),
    () => symlinkSync("normalize.py", path.join(folder, "link.py")),
  ];
  mkdirSync(path.join(folder, "data"), { recursive: true });
  for (const make of backwards ? files.toReversed() : files) make();
}

/** Every path of a folder with its kind, mode and content. */
function tree(folder: string): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" }).toSorted()) {
    const file = path.join(folder, name);
    const stats = lstatSync(file);
    const mode = (stats.mode & 0o7777).toString(8);
    if (stats.isSymbolicLink()) found[name] = `l ${readlinkSync(file)}`;
    else found[name] = stats.isDirectory() ? `d ${mode}` : `f ${mode} ${readFileSync(file, "utf8")}`;
  }
  return found;
}

function entriesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
