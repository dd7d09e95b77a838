# Names, places and small helpers.
# shellcheck shell=bash
# shellcheck disable=SC2034 # the other parts use them

# What is worth keeping between runs: roots, kernels, the static programs.
CACHE=${LIBVIRT_HPC_RIG_CACHE:-/var/cache/libvirt-hpc-rig}
# What lives only while the rig is up. Another directory is another rig, beside the first.
STATE=${LIBVIRT_HPC_RIG_STATE:-/run/libvirt-hpc-rig}
# Seen as /rig in both hosts: logs, heartbeats, consoles.
SHARE=$STATE/share
HOSTS=(alpha beta)
LISTEN=$CACHE/bin/rig-listen

die() {
    echo "rig: $*" >&2
    exit 1
}

note() {
    echo "rig: $*" >&2
}

# wait_for SECONDS WHAT COMMAND…: polls COMMAND until it succeeds.
wait_for() {
    local seconds=$1 what=$2 end=$((SECONDS + $1))
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || die "waited $seconds s in vain for $what"
        sleep 0.1
    done
}

# remove_tree DIRECTORY BELOW: rm -rf, but never anything outside BELOW or with a mount in it.
remove_tree() {
    local tree=$1 below=$2
    case $tree in
        "$below"/?*) ;;
        *) die "will not remove $tree: it is not below $below" ;;
    esac
    [ -d "$tree" ] || return 0
    if grep -qF " $(readlink -f "$tree")/" /proc/self/mountinfo; then
        die "will not remove $tree: something is mounted in it"
    fi
    rm -rf --one-file-system -- "$tree"
}

# The pid, seen from this machine, of the first process of a host; fails if the host is down.
host_pid() {
    local file=$STATE/$1.pid pid
    [ -r "$file" ] || return 1
    pid=$(<"$file")
    # The pid may have been given to another process since.
    tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF "rig-host $STATE $1" || return 1
    echo "$pid"
}

need_host() {
    case $1 in
        alpha | beta) ;;
        *) die "no host '$1': alpha or beta" ;;
    esac
    host_pid "$1" || die "host $1 is not up: run 'rig up'"
}

# in_host HOST COMMAND…: runs COMMAND in the host's namespaces, with a clean environment.
in_host() {
    local pid
    pid=$(need_host "$1")
    shift
    nsenter -t "$pid" -n -m -u -i -p -C --root --wd -- /usr/bin/env -i \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        HOME=/root TERM="${TERM:-dumb}" LC_ALL=C.UTF-8 "$@"
}

rig_exec() {
    [ $# -ge 2 ] || die "exec: expected HOST COMMAND…"
    in_host "$@"
}

# Where this machine sees a host's files.
rig_files() {
    [ $# -eq 1 ] || die "files: expected HOST"
    printf '/proc/%s/root\n' "$(need_host "$1")"
}
