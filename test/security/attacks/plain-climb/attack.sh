#!/bin/sh
# `..` from the one folder that it knows, and what its meta file lies beside.
try() {
  name=$1; shift
  if "$@" >/dev/null 2>&1; then through=true; else through=false; fi
  printf '{"attempt": "%s", "gotThrough": %s, "detail": ""}\n' "$name" "$through"
}
try shadow cat /whiskers/../../../../../../etc/shadow
try shadow-from-meta cat "$(dirname "$WHISKERS_META")/../../../../../../../../../../etc/shadow"
try write-meta sh -c 'echo >> "$WHISKERS_META"'
try write-beside-meta sh -c 'echo > "$(dirname "$WHISKERS_META")/attack"'
try write-package sh -c 'echo > "$WHISKERS_PACKAGE/attack"'
