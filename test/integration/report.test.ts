/** `whiskers run --report`, read by a real browser. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, suite, test } from "node:test";
import { pathToFileURL } from "node:url";

import { Browser, NO_BROWSER } from "../fixtures/browser.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const scratch = mkdtempSync(path.join(tmpdir(), "whiskers-report-"));
after(() => {
  rmSync(scratch, { recursive: true, force: true });
});

/** As hostile as text in a page can be; each of them would set `owned` or load something. */
const ATTACKS = [
  "<script>window.owned=1</script>",
  '"><img src=x onerror="window.owned=1">',
  "'-window.owned=1-'",
  "</script><script>window.owned=1</script>",
  "</title><script>window.owned=1</script>",
  "<!--<svg onload=window.owned=1>",
  '<link rel=stylesheet href="http://127.0.0.1:9/x"><iframe src="javascript:parent.owned=1">',
  "${window.owned=1}\\u003cscript>",
  "\u202etxt.exe\u2066\u0000\u001b[31m",
];

const HOSTILE = `
import sys
ATTACKS = ${JSON.stringify(ATTACKS)}
def run(meta, raw):
    for attack in ATTACKS:
        print(attack, file=sys.stderr)
        yield {"object_type": "Network", "$id": attack[:9], "name": attack}
    yield {"object_type": "KATFindingType", "$id": "t", "id": "KAT-X", "risk_severity": "high", "description": ATTACKS[1]}
    yield {"object_type": "Finding", "finding_type": {"$ref": "#t"}, "ooi": {"$ref": "#" + ATTACKS[0][:9]}, "description": ATTACKS[0]}
    if raw.startswith(b"raise"):
        raise ValueError("\\n".join(ATTACKS))
`;

const MANY = `
def run(meta, raw):
    for at in range(10000):
        yield {"object_type": "Hostname", "$id": "h%d" % at, "network": {"$ref": "#n"}, "name": "host-%d.example.com" % at}
        yield {"object_type": "ResolvedHostname", "hostname": {"$ref": "#h%d" % at}, "address": {"$ref": "#a%d" % (at % 50)}}
    for at in range(50):
        yield {"object_type": "IPAddressV4", "$id": "a%d" % at, "network": {"$ref": "#n"}, "address": "192.0.2.%d" % at}
    yield {"object_type": "Network", "$id": "n", "name": "internet"}
`;

function report(name: string, code: string, raws: Readonly<Record<string, string>>): string {
  const folder = path.join(scratch, name);
  mkdirSync(path.join(folder, "raws"), { recursive: true });
  const manifest = { id: name, name, environment: "python", entrypoint: "normalize" };
  writeFileSync(path.join(folder, "normalizer.json"), JSON.stringify(manifest));
  writeFileSync(path.join(folder, "normalize.py"), code);
  for (const [raw, text] of Object.entries(raws)) writeFileSync(path.join(folder, "raws", raw), text);
  return reportOf(name, folder, path.join(folder, "raws"));
}

function reportOf(name: string, pkg: string, raws: string): string {
  const page = path.join(scratch, `${name}.html`);
  const argv = ["src/cli/main.ts", "run", pkg, raws, "--report", page];
  const env = { ...process.env, WHISKERS_HOME: path.join(scratch, "home") };
  const { status, stderr } = spawnSync(process.execPath, argv, { cwd: ROOT, env, encoding: "utf8" });
  assert.ok(status === 0 || status === 1, stderr);
  return pathToFileURL(page).href;
}

suite("whiskers run --report", { skip: NO_BROWSER ?? false, timeout: 120_000 }, () => {
  let browser: Browser;
  before(async () => {
    browser = await Browser.open();
  });
  after(async () => {
    await browser[Symbol.asyncDispose]();
  });

  test("whatever a normalizer, a raw file or a name holds is text and nothing else", async () => {
    const url = report("hostile", HOSTILE, {
      "<img src=x onerror='window.owned=1'>.txt": ATTACKS.join("\n"),
      raises: `raise\n${ATTACKS.join("\n")}`,
    });
    await browser.go(url);
    const seen = (await browser.run(`return {
      owned: window.owned ?? null,
      scripts: document.scripts.length,
      strangers: [...document.querySelectorAll("img, iframe, link, object, embed, form, base, [onerror], [onload], [style]")].length,
      loaded: performance.getEntriesByType("resource").map(({ name }) => name),
      names: [...document.querySelectorAll("section.run:first-of-type tr.object th")].map((cell) => cell.textContent.trim()),
      stderr: [...document.querySelectorAll("td.mono")].map((cell) => cell.textContent.trim()),
      title: document.querySelector("h1").textContent,
      failure: document.querySelector("pre").textContent,
    }`)) as Record<string, unknown>;
    assert.equal(seen["owned"], null);
    assert.equal(seen["scripts"], 1);
    assert.equal(seen["strangers"], 0);
    assert.deepEqual(seen["loaded"], []);
    assert.deepEqual(await browser.console(), [], "its own style and script are those that the policy names");
    for (const attack of ATTACKS.slice(0, -1)) {
      assert.ok((seen["names"] as string[]).includes(attack), `${attack} is shown as it is`);
      assert.ok((seen["stderr"] as string[]).includes(attack));
    }
    assert.ok((seen["names"] as string[]).some((name) => name.includes(String.raw`\u{202e}txt.exe\u{2066}`)));
    assert.match(String(seen["title"]), /<img src=x onerror='window\.owned=1'>\.txt/u);
    assert.match(String(seen["failure"]), /<script>window\.owned=1<\/script>/u);

    // Had an escape been forgotten, the policy would still keep it from running.
    await browser.run(`
      const script = document.createElement("script");
      script.textContent = "window.owned = 1";
      document.body.append(script);
      document.body.insertAdjacentHTML("beforeend", ${JSON.stringify(ATTACKS[1])});`);
    assert.equal(await browser.run("return window.owned ?? null"), null);
    assert.match((await browser.console()).join("\n"), /Content Security Policy/u);
  });

  test("objects can be filtered, found in the raw file, and reached from the graph by keyboard alone", async () => {
    const url = reportOf("nmap", "examples/normalizers/nmap-python", "examples/raws/nmap-tcp");
    await browser.go(url);
    const rows =
      "return [...document.querySelectorAll('tr.object')].filter((row) => row.checkVisibility()).length";
    const all = Number(await browser.run(rows));
    assert.ok(all > 20);
    await browser.type("input.filter", "8443");
    const filtered = Number(await browser.run(rows));
    assert.ok(filtered > 0 && filtered < all, `${filtered} of ${all}`);
    assert.equal(
      await browser.run("return document.querySelector('.filter-status').textContent"),
      `${filtered} of ${all} shown`,
    );
    await browser.run(
      "const box = document.querySelector('input.filter'); box.value = ''; box.dispatchEvent(new Event('input'))",
    );

    await browser.run(
      "[...document.querySelectorAll('tr.object')].find((row) => row.textContent.includes('192.0.2.20')).click()",
    );
    const hits = (await browser.run(
      "return [...document.querySelectorAll('.hit')].map((line) => line.textContent)",
    )) as string[];
    assert.ok(hits.length > 0 && hits.every((line) => line.includes("192.0.2.20")), hits.join("\n"));

    // Tab from the graph's own stop to its first node, Enter to the row that shows it.
    await browser.run("document.querySelector('.graph').focus()");
    await browser.press("\uE004");
    const name = await browser.run("return document.activeElement.querySelector('title')?.textContent");
    await browser.press("\uE007");
    const reached = (await browser.run(`return {
      row: document.querySelector("tr.object:target th a")?.title,
      focus: document.activeElement.closest("tr")?.id,
      hash: location.hash.slice(1),
    }`)) as Record<string, unknown>;
    assert.equal(typeof name, "string");
    assert.equal(reached["row"], name);
    assert.equal(reached["focus"], reached["hash"]);
    assert.equal(
      await browser.run(
        "return [...document.querySelectorAll('svg path.edge')].length > 5 && document.querySelectorAll('svg a rect.node').length > 10",
      ),
      true,
    );
  });

  for (const scheme of ["light", "dark"] as const) {
    test(`text can be read in ${scheme}`, async () => {
      await browser.prefer(scheme);
      await browser.go(pathToFileURL(path.join(scratch, "hostile.html")).href);
      const worst = (await browser.run(CONTRASTS)) as readonly {
        readonly ratio: number;
        readonly what: string;
      }[];
      assert.ok(worst.length > 50);
      for (const { ratio, what } of worst) assert.ok(ratio >= 4.5, `${what}: ${ratio.toFixed(2)}`);
      const paper = String(await browser.run("return getComputedStyle(document.body).backgroundColor"));
      const [red = 0] = (/\d+/u.exec(paper) ?? []).map(Number);
      assert.equal(red < 128, scheme === "dark", paper);
    });
  }

  test("a large output is shown in part, says so, and stays quick to filter", async () => {
    await browser.prefer("light");
    const url = report("many", MANY, { raw: "host-7.example.com\n".repeat(20_000) });
    await browser.go(url);
    const seen = (await browser.run(`return {
      rows: document.querySelectorAll("tr.object").length,
      lines: document.querySelectorAll("ol.raw li").length,
      note: document.querySelector(".beside").innerText,
      nodes: document.querySelectorAll("svg rect.node").length,
      relations: document.querySelector(".graph").closest(".card").querySelector("h2").textContent,
    }`)) as Record<string, unknown>;
    assert.ok(Number(seen["rows"]) > 1500 && Number(seen["rows"]) <= 2000, String(seen["rows"]));
    assert.equal(seen["lines"], 3000);
    assert.match(String(seen["note"]), /of 20051 objects are shown/u);
    assert.match(String(seen["note"]), /Only the beginning of its 371 KiB is shown/u);
    assert.ok(Number(seen["nodes"]) <= 120);
    assert.match(String(seen["relations"]), /19\d{3} more have no place here/u);
    await browser.type("input.filter", "host-12.");
    assert.match(
      String(await browser.run("return document.querySelector('.filter-status').textContent")),
      /^[12] of \d+ shown$/u,
    );
  });
});

/** Contrast of each kind of text with what it stands on: WCAG 2.2, relative luminance. */
const CONTRASTS = `
const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
const luminance = ([r, g, b]) => {
  const [x, y, z] = [r, g, b].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * x + 0.7152 * y + 0.0722 * z;
};
const backgroundOf = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const colour = at instanceof SVGElement ? "" : getComputedStyle(at).backgroundColor;
    if (colour && !/, 0\\)$/.test(colour)) return channels(colour);
  }
  return [255, 255, 255];
};
const texts = [...document.querySelectorAll("body *")].filter((element) =>
  [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== "") &&
  element.checkVisibility() && !["SCRIPT", "title"].includes(element.tagName));
return texts.map((element) => {
  const style = getComputedStyle(element);
  const isSvg = element instanceof SVGElement;
  const behind = isSvg ? channels(getComputedStyle(element.parentElement.querySelector("rect")).fill === "none"
    ? getComputedStyle(element.closest(".card")).backgroundColor
    : getComputedStyle(element.parentElement.querySelector("rect")).fill) : backgroundOf(element);
  const [a, b] = [luminance(channels(isSvg ? style.fill : style.color)), luminance(behind)];
  return { ratio: (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), what: element.tagName + "." + element.className + " " + element.textContent.slice(0, 40) };
});`;

suite("the page as a file", () => {
  test("a page that cannot be written is said before anything runs", () => {
    const argv = [
      "src/cli/main.ts",
      "run",
      "examples/normalizers/dig-python",
      "examples/raws/dig",
      "--report",
      "/nowhere/x.html",
    ];
    const { status, stderr, stdout } = spawnSync(process.execPath, argv, { cwd: ROOT, encoding: "utf8" });
    assert.equal(status, 2);
    assert.match(stderr, /--report \/nowhere\/x\.html: no such file or folder/u);
    assert.equal(stdout, "");
  });
});
