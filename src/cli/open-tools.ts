import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import path from "node:path";

import type { Settings } from "../config/settings.ts";
import { isObject } from "../domain/unknown.ts";
import { WhiskersError } from "../errors.ts";
import type { Tool, Tools } from "../packages/dependencies/tools.ts";
import { ToolSandbox } from "../sandbox/drivers/subprocess/run-tool.ts";
import { findAll, findPython } from "../sandbox/interpreters.ts";

/** Where a tool that is no part of the root filesystem is seen. */
const TOOLS_INSIDE = "/whiskers/tools";
const USUAL_FOLDERS = "/usr/local/bin:/usr/bin:/bin";

/** pip, npm and composer of this machine, in sandboxes. */
export function openTools(
  settings: Pick<Settings, "home" | "subprocess" | "python">,
  sdkFolder: string,
): Tools {
  const sandbox = new ToolSandbox({
    sdkFolder,
    stateDirectory: path.join(settings.home, "runtimes"),
    variant: settings.subprocess,
  });
  const searchPath = `${process.env["PATH"] ?? ""}:${USUAL_FOLDERS}`;
  return {
    async pip(version, root) {
      if (root !== null) return pipInRoot(version, root, searchPath);
      const python = await findPython(version, {
        python: version === null ? (settings.python ?? undefined) : undefined,
        searchPath,
      });
      const found = findPip([python.executable], searchPath);
      const needs = [python.executable, ...python.needs].map((file) => ({ source: file, target: file }));
      return {
        ...found.tool,
        argv: [python.executable, ...found.tool.argv],
        readable: [...needs, ...found.tool.readable],
        identity: [python.version, python.cacheTag, platform(), found.tool.identity].join(" "),
      };
    },
    npm: () => Promise.resolve(findNpm(searchPath)),
    composer: () => Promise.resolve(findComposer(searchPath)),
    run: (run, signal) => sandbox.run(run, signal),
  };
}

/** What compiled code depends on besides its interpreter. */
function platform(): string {
  const report = process.report.getReport();
  const header: unknown = isObject(report) ? report["header"] : null;
  const libc = isObject(header) ? header["glibcVersionRuntime"] : null;
  return `${process.arch} ${typeof libc === "string" ? `glibc ${libc}` : "musl"}`;
}

function pipInRoot(
  version: string | null,
  root: { readonly name: string; readonly folder: string },
  searchPath: string,
): Tool {
  const names = version === null ? ["python3"] : [`python${version}`, "python3"];
  const program = names.find((name) =>
    ["usr/local/bin", "usr/bin", "bin"].some((folder) => existsSync(path.join(root.folder, folder, name))),
  );
  if (program === undefined) {
    throw new WhiskersError("environment-missing", `${root.name} has no ${names.join(" and no ")}`);
  }
  const { tool } = findPip([], searchPath);
  return { ...tool, argv: [program, ...tool.argv], root: root.folder };
}

/**
 * pip is a folder, or a wheel, that any Python can import: that of the interpreter, or of any other Python here.
 * @param executables whose own pip is taken first
 */
function findPip(executables: readonly string[], searchPath: string): { readonly tool: Tool } {
  const pythons = [...executables, ...["python3", "python"].flatMap((name) => findAll(name, searchPath))];
  const prefixes = [...new Set(pythons.map((file) => path.dirname(path.dirname(realpathSync(file)))))];
  const folders = [
    ...prefixes.flatMap((prefix) => sitePackages(path.join(prefix, "lib"))),
    "/usr/lib/python3/dist-packages",
  ];
  for (const folder of folders) {
    const init = path.join(folder, "pip/__init__.py");
    if (!existsSync(init)) continue;
    const version = /^__version__ = "(?<version>[^"]+)"/mu.exec(readFileSync(init, "utf8"))?.groups?.[
      "version"
    ];
    return { tool: pipTool(path.join(folder, "pip"), `${TOOLS_INSIDE}/pip`, TOOLS_INSIDE, version ?? "") };
  }
  const wheels = "/usr/share/python-wheels";
  const wheel = existsSync(wheels)
    ? readdirSync(wheels).find((name) => /^pip-.*\.whl$/u.test(name))
    : undefined;
  if (wheel === undefined) {
    throw new WhiskersError(
      "environment-missing",
      `no Python here has pip: looked in ${folders.join(", ")}. On Debian and Ubuntu: apt-get install python3-pip`,
    );
  }
  const inside = `${TOOLS_INSIDE}/${wheel}`;
  return { tool: pipTool(path.join(wheels, wheel), inside, inside, wheel) };
}

/** Before 3.10 pip wants distutils, which Debian's Pythons come without, unless it is told that it need not. */
const START_PIP =
  "import runpy, sysconfig; sysconfig._PIP_USE_SYSCONFIG = True; " +
  'runpy.run_module("pip", run_name="__main__", alter_sys=True)';

function pipTool(source: string, target: string, pythonPath: string, version: string): Tool {
  return {
    argv: ["-s", "-c", START_PIP],
    env: { PYTHONPATH: pythonPath },
    readable: [{ source, target }],
    identity: `pip ${version}`,
    root: null,
  };
}

function sitePackages(lib: string): readonly string[] {
  const names = existsSync(lib) ? readdirSync(lib).filter((name) => /^python3\.\d+$/u.test(name)) : [];
  return names.map((name) => path.join(lib, name, "site-packages"));
}

/** Run by the Node.js that runs us, which is the one that JavaScript guests get on this machine. */
function findNpm(searchPath: string): Tool {
  const candidates = findAll("npm", searchPath).map((file) => realpathSync(file));
  const cli = candidates.find((file) => path.basename(file) === "npm-cli.js");
  if (cli === undefined) {
    throw new WhiskersError(
      "environment-missing",
      `no npm in ${searchPath}. On Debian and Ubuntu: apt-get install npm`,
    );
  }
  const folder = path.dirname(path.dirname(cli));
  const manifest: unknown = JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8"));
  const version = isObject(manifest) ? String(manifest["version"]) : "";
  return {
    argv: [process.execPath, cli],
    env: {},
    readable: [process.execPath, folder].map((file) => ({ source: file, target: file })),
    identity: `npm ${version} node ${process.versions.node} ${platform()}`,
    root: null,
  };
}

function findComposer(searchPath: string): Tool {
  const [composer] = findAll("composer", searchPath).map((file) => realpathSync(file));
  const [php] = findAll("php", searchPath).map((file) => realpathSync(file));
  if (composer === undefined || php === undefined) {
    const missing = php === undefined ? "php" : "composer";
    throw new WhiskersError(
      "environment-missing",
      `no ${missing} in ${searchPath}. On Debian and Ubuntu: apt-get install composer`,
    );
  }
  return {
    argv: [php, composer],
    env: {},
    readable: [php, composer].map((file) => ({ source: file, target: file })),
    identity: `composer ${composerVersion(composer)}`,
    root: null,
  };
}

/** Debian's composer is a small program beside its library; others are one archive. Both say their version early. */
function composerVersion(file: string): string {
  const places = [file, "/usr/share/php/Composer/Composer.php"].filter((one) => existsSync(one));
  for (const place of places) {
    const found = /\bVERSION = '(?<version>[^'@]+)'/u.exec(readFileSync(place, "latin1"))?.groups?.[
      "version"
    ];
    if (found !== undefined) return found;
  }
  return "";
}
