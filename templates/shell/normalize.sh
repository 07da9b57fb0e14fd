#!/bin/sh
# Every line of the raw file that is a hostname. jq writes the JSON: a shell cannot quote text safely.
set -eu
LC_ALL=C tr -d '\000\r' | LC_ALL=C tr 'A-Z' 'a-z' | LC_ALL=C sort -u | jq --raw-input --compact-output --null-input '
  {object_type: "Network", name: "internet"},
  (inputs
    | gsub("^\\s+|\\s+$"; "")
    | select(length <= 253 and test("^[a-z0-9-]{1,63}(\\.[a-z0-9-]{1,63})*$"))
    | {object_type: "Hostname", network: "Network|internet", name: .})
'
