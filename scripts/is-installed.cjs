// Exit status 0 when node_modules holds what package-lock.json says. Runs on any Node.js from 18 on.
"use strict";
const { accessSync, constants, readFileSync } = require("node:fs");

try {
  const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8"));
  accessSync("node_modules/node/bin/node", constants.X_OK);
  for (const [folder, wanted] of Object.entries(packages)) {
    if (folder === "" || wanted.optional || wanted.devOptional) continue;
    const { version } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
    if (version !== wanted.version) throw new Error(`${folder}: ${version}, not ${wanted.version}`);
  }
} catch {
  process.exit(1);
}
