#!/bin/sh
# What a program without an SDK is given: the raw file on standard input, the normalizer's meta as JSON in the
# file that WHISKERS_META names, its own folder as working directory. It prints records as JSON Lines, and its
# exit status says whether they count: 0 is success.
set -eu
exec jq --null-input --compact-output --from-file normalize.jq --slurpfile meta "$WHISKERS_META"
