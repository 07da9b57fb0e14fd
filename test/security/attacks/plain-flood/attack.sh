#!/bin/sh
# One line without an end on standard output.
exec tr '\000' 'x' </dev/zero
