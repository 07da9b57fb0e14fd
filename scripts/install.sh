#!/bin/sh
# Installs node_modules as package-lock.json says. Called by ./whiskers; safe to run by several at once.
set -eu
root=$1
cd "$root"

fail() {
  printf 'error: %s\n' "$1" >&2
  exit 3
}

command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1 ||
  fail 'Whiskers needs Node.js 18 or later with npm to install what it runs on (Debian: apt-get install nodejs npm)'
node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 18 ? 0 : 1)' ||
  fail "Whiskers needs Node.js 18 or later to install what it runs on; this is $(node --version)"

# Held until we end. Without flock two at once may clash, and the second one says so.
exec 9<package-lock.json
if command -v flock >/dev/null 2>&1; then flock 9; fi

# Whether node_modules holds what package-lock.json says: a developer may have installed by hand, or
# another one may just have done it.
is_installed() {
  node - 2>/dev/null <<'JS'
const { accessSync, constants, readFileSync } = require("node:fs");
accessSync("node_modules/node/bin/node", constants.X_OK);
const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8"));
for (const [folder, wanted] of Object.entries(packages)) {
  if (folder === "" || wanted.optional || wanted.devOptional) continue;
  const { version } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
  if (version !== wanted.version) throw new Error(folder);
}
JS
}

if ! is_installed; then
  [ ! -L node_modules ] || fail 'node_modules is a link to something that does not fit package-lock.json'
  printf 'whiskers: installing dependencies, once, about 370 MB on disk...\n' >&2
  log=$(mktemp "${TMPDIR:-/tmp}/whiskers-install-XXXXXX")
  trap 'rm -f "$log"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  # Not `npm ci`: it refuses a lock file in which programs for other platforms are missing, and it
  # removes node_modules under whoever is running. This takes the locked versions all the same.
  if ! npm install --no-save --no-audit --no-fund --no-progress --loglevel=error >"$log" 2>&1 </dev/null 9<&-; then
    tail -n 30 "$log" >&2
    fail 'npm could not install the dependencies; above is what it said'
  fi
  # The package `node` fetches its program in an install script, which npm may have been told not to run.
  if [ ! -x node_modules/node/bin/node ]; then
    (cd node_modules/node && node installArchSpecificPackage.js) >>"$log" 2>&1 </dev/null 9<&- || true
  fi
  if ! node_modules/node/bin/node --version >>"$log" 2>&1; then
    tail -n 30 "$log" >&2
    fail 'the Node.js that npm installed does not start on this machine; above is what npm and it said'
  fi
fi
if [ -w node_modules ]; then
  cp package-lock.json "node_modules/.installed-lock.$$"
  mv -f "node_modules/.installed-lock.$$" node_modules/.installed-lock.json
fi
