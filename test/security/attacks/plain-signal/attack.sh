#!/bin/sh
# Gives output, then kills itself.
echo '{"half": "of it"}'
kill -SEGV $$
