#!/bin/sh
# A virsh that becomes virsh-hpc again.
exec "$DOOR" "$@"
