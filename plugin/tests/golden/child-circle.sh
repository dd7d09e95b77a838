#!/bin/sh
# A virsh that starts virsh-hpc again and waits for it.
"$DOOR" "$@"
exit $?
