# Memory of another kind: huge pages, and a limit on what QEMU may take.
# shellcheck shell=bash

HUGE_PAGES=/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages

# The machine's pages of 2 MiB are one pool for both hosts and all rigs: as many more as a guest of MiB takes on the
# host that it leaves and on the one that it goes to.
reserve_huge_pages() {
    local pages=$1 before try # half of MiB, twice
    [ -w "$HUGE_PAGES" ] || die "guest: this kernel has no huge pages of 2 MiB"
    exec 7<"$HUGE_PAGES"
    flock 7
    before=$(<"$HUGE_PAGES")
    # The kernel gives what it finds in one piece, and finds more when it has tidied up.
    for try in {1..5}; do
        echo $((before + pages)) >"$HUGE_PAGES"
        [ "$(<"$HUGE_PAGES")" -lt $((before + pages)) ] || break
        echo 1 >/proc/sys/vm/compact_memory
    done
    if [ "$(<"$HUGE_PAGES")" -lt $((before + pages)) ]; then
        echo "$before" >"$HUGE_PAGES"
        die "guest: no room for $pages huge pages beside $before (tried $try times)"
    fi
    exec 7<&-
    echo "$pages" >>"$STATE/hugepages"
}

# For rig_down, once nobody uses them.
release_huge_pages() {
    local pages
    [ -e "$STATE/hugepages" ] || return 0
    exec 7<"$HUGE_PAGES"
    flock 7
    while read -r pages; do
        echo $(($(<"$HUGE_PAGES") - pages)) >"$HUGE_PAGES"
    done <"$STATE/hugepages"
    exec 7<&-
    rm "$STATE/hugepages"
}

huge_pages_xml() {
    [ -z "$hugepages" ] || echo "  <memoryBacking><hugepages><page size='2' unit='MiB'/></hugepages></memoryBacking>"
}

# in_memory_cgroup HOST NAME COMMAND…: a guest, as COMMAND starts it, in a cgroup of its own: libvirtd goes there while
# it forks. The machine decides in which version of cgroup memory is limited, and hosts see that one in its usual place.
in_memory_cgroup() {
    local host=$1 cgroup
    cgroup=libvirt-hpc-rig.$2.$(date +%s%N)
    shift 2
    ! boots_systemd || die "guest: --memory-room is for hosts without --systemd"
    echo "$cgroup" >>"$STATE/cgroups"
    # shellcheck disable=SC2016 # for the host's shell to expand
    in_host "$host" sh -euc '
        if grep -q "^memory.[1-9]" /proc/cgroups; then
            tree=/sys/fs/cgroup/memory
            mountpoint -q /sys/fs/cgroup || mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
            mkdir -p "$tree"
            mountpoint -q "$tree" || mount -t cgroup -o memory cgroup "$tree"
        else
            tree=/sys/fs/cgroup
            mountpoint -q "$tree" || mount -t cgroup2 cgroup2 "$tree"
        fi
        mkdir "$tree/$0"
        ln -sfn "$tree/$0" /run/rig-cgroup
        pidof libvirtd >"$tree/$0/cgroup.procs"' "$cgroup"
    "$@"
    in_host "$host" sh -c 'pidof libvirtd >/run/rig-cgroup/../cgroup.procs'
}

# limit_memory HOST MiB: from now on the guest started last there may take MiB more than it has.
limit_memory() {
    # shellcheck disable=SC2016 # for the host's shell to expand
    in_host "$1" sh -euc 'cd /run/rig-cgroup
        if [ -e memory.current ]; then
            echo $(($(cat memory.current) + $0 * 1048576)) >memory.max
        else
            echo $(($(cat memory.usage_in_bytes) + $0 * 1048576)) >memory.limit_in_bytes
        fi' "$2"
}

# For rig_down, once the hosts' processes have ended.
remove_memory_cgroups() {
    [ -e "$STATE/cgroups" ] || return 0
    # shellcheck disable=SC2016 # for that shell to expand
    xargs unshare --mount bash -euc 'if grep -q "^memory.[1-9]" /proc/cgroups; then
            mount -t cgroup -o memory cgroup "$0"
        else
            mount -t cgroup2 cgroup2 "$0"
        fi
        for group; do rmdir "$0/$group"; done' "$STATE/alpha.root" <"$STATE/cgroups"
    rm "$STATE/cgroups"
}
