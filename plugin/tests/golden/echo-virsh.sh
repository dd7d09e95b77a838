#!/bin/sh
# Stands in for the real virsh: says what it was given, byte for byte.
printf 'virsh'
printf '\0%s' "$@"
exit 5
