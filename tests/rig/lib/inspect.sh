# What can be known of a guest that does not do what it should, before the hosts go down.
# shellcheck shell=bash

BEATS_SHOWN=3
LOG_LINES_SHOWN=8

rig_inspect() {
    local name=${1:?inspect: expected NAME} host
    for host in "${HOSTS[@]}"; do
        echo "== $name on $host, at $("$LISTEN" now) ns"
        inspect_domain "$host" "$name" 2>&1 || true
        echo "-- the last beats heard there"
        grep -a " $name " "$SHARE/$host.beats" 2>/dev/null | tail -n $BEATS_SHOWN || true
        echo "-- QEMU's log"
        in_host "$host" tail -n $LOG_LINES_SHOWN "/var/log/libvirt/qemu/$name.log" 2>&1 || true
    done
}

# Its processors twice, a second apart: one that hangs is at the same instruction.
inspect_domain() {
    local host=$1 name=$2
    in_host "$host" virsh -q domstate "$name" --reason || return 0
    in_host "$host" virsh -q domjobinfo "$name"
    in_host "$host" virsh -q qemu-monitor-command "$name" --hmp info chardev
    processors "$host" "$name"
    sleep 1
    processors "$host" "$name"
}

processors() {
    in_host "$1" virsh -q qemu-monitor-command "$2" --hmp info registers -a | grep -aE '^CPU#|^R[IS]P|HLT='
    in_host "$1" virsh -q qemu-monitor-command "$2" --hmp info lapic | grep -aE 'timer|LVTT|IRR|ISR' || true
}
