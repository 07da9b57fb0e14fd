#!/bin/sh
# Never reads its input and answers with four megabytes: a host that writes first and reads later stands still.
line=$(printf '%065536d' 0)
i=0
while [ $i -lt 64 ]; do echo "{\"filler\": \"$line\"}"; i=$((i + 1)); done
