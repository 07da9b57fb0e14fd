#!/bin/sh
# Arguments that a shell between manifest and program would take for more than text: given back as they came.
for argument; do
  printf '{"argument": "%s"}\n' "$(printf '%s' "$argument" | base64 -w 0)"
done
