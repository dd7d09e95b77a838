# What hosts have to put up with: another hook beside ours, a clock that is set.
# shellcheck shell=bash

OTHER_HOOK=/etc/libvirt/hooks/qemu.d/10-other
HOOK_USAGE='hook: expected HOST SECONDS [OPERATION] or HOST off'

# Another's hook, run before ours, that takes SECONDS for every OPERATION (start, migrate, …; all of them if none is named).
rig_hook() {
    local host=${1:-} seconds=${2:-} operation=${3:-}
    [ -n "$seconds" ] || die "$HOOK_USAGE"
    need_host "$host" >/dev/null
    if [ "$seconds" = off ]; then
        in_host "$host" rm -f "$OTHER_HOOK"
    else
        [[ $seconds =~ ^[0-9.]+$ && $operation =~ ^[a-z]*$ ]] || die "$HOOK_USAGE"
        # shellcheck disable=SC2016 # for that shell to expand
        in_host "$host" sh -c 'mkdir -p "${0%/*}" && cat >"$0" && chmod 755 "$0"' "$OTHER_HOOK" <<END
#!/bin/sh
# \$1 guest, \$2 operation, \$3 sub-operation, \$4 extra
[ -n '$operation' ] && [ "\$2" != '$operation' ] || sleep $seconds
END
    fi
    reload_daemon "$host"
}

# libvirt looks for hooks when it starts and when it is reloaded; whom it answers afterwards comes after the signal.
reload_daemon() {
    local daemon
    daemon=$(daemon_of_guests "$(<"$STATE/release")")
    in_host "$1" pkill -HUP -x "$daemon" || die "no $daemon on $1 to reload"
    in_host "$1" virsh -q list >/dev/null
}

# Where libfaketime looks for what it has to add to the time.
CLOCK=/run/rig-clock
# What makes a program follow it, but for its monotonic clock.
FAKED_CLOCK="LD_PRELOAD=/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1 FAKETIME_TIMESTAMP_FILE=$CLOCK
    FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1"

# The wall clock of the daemon, and of an agent that is started later, set: the daemon starts anew the first time, and
# both take each later step as they run.
rig_clock() {
    local host=${1:-} offset=${2:-} daemon
    [[ $offset =~ ^[+-][0-9]+$ ]] || die "clock: expected HOST and +SECONDS or -SECONDS from the machine's time"
    need_host "$host" >/dev/null
    daemon=$(daemon_of_guests "$(<"$STATE/release")")
    # shellcheck disable=SC2016 # for the host's shell to expand
    in_host "$host" sh -c 'echo "$1" >"$0.new" && mv "$0.new" "$0"' "$CLOCK" "$offset"
    ! in_host "$host" sh -c "grep -qsz '^FAKETIME_TIMESTAMP_FILE=' /proc/\$(pidof $daemon)/environ" || return 0
    rig_daemon "$host" stop
    # libvirt passes LD_PRELOAD on to QEMU, but none of the rest, without which the library does nothing.
    rig_daemon "$host" start -- "export ${FAKED_CLOCK//$'\n'/ }"
    wait_for 20 "$daemon of $host" in_host "$host" virsh -q list
}
