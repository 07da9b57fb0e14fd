#!/bin/sh
# Exit status 0 and no JSON: status alone is not success.
printf 'this is no JSON \033[31m\000\377\n'
