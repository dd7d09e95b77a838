# Hosts: namespaces kept alive by their first process (see host-init).
# shellcheck shell=bash

rig_up() {
    local build=() with=() rate=1gbit init=bare tls='' host release daemon layers
    while [ $# -gt 0 ]; do
        case $1 in
            --old | --modular) build+=("$1") ;;
            --systemd) init=systemd ;;
            --tls) tls=yes ;;
            --rate)
                rate=${2:?--rate needs a rate}
                shift
                ;;
            --with)
                with+=("${2:?--with needs a package}")
                shift
                ;;
            *) die "up: unknown argument '$1'" ;;
        esac
        shift
    done
    release=$(release_of "${build[@]}")
    daemon=$(daemon_of_guests "$release")
    for host in "${HOSTS[@]}"; do
        ! host_pid "$host" >/dev/null || die "up: host $host is up already; 'rig down' first"
    done
    rig_down
    rig_build "${build[@]}"
    layers=$(build_layers "$release" "${with[@]}")
    mkdir -p "$SHARE"
    echo "$release" >"$STATE/release"
    echo "$init" >"$STATE/init"
    [ -z "$tls" ] || make_certificates
    start_host "$release" alpha "$(address_of alpha)" 6d0f4b5e-7c1a-4f7e-9a51-00000000000a "$init" "$layers"
    start_host "$release" beta "$(address_of beta)" 6d0f4b5e-7c1a-4f7e-9a51-00000000000b "$init" "$layers"
    make_link "$rate"
    for host in "${HOSTS[@]}"; do
        ! boots_systemd || wait_for 60 "the boot of $host (see 'rig exec $host systemctl --failed')" booted "$host"
        wait_for 60 "$daemon of $host (see $SHARE/$host.*log)" in_host "$host" virsh -c qemu:///system list
    done
    wait_for 20 "beta's libvirt over the link" in_host alpha virsh -c qemu+tcp://beta/system list
    wait_for 20 "alpha's libvirt over the link" in_host beta virsh -c qemu+tcp://alpha/system list
}

start_host() {
    local release=$1 host=$2 address=$3 uuid=$4 init=$5 layers=$6 parent
    mkdir -p "$STATE/$host.root"
    # Held as long as the host lives: its root must not be made anew meanwhile.
    setsid flock --shared --no-fork "$CACHE/$release/lock" \
        unshare --net --mount --uts --ipc --pid --fork --propagation private \
        "$RIG_DIR/host-init" "$STATE" "$CACHE" "$release" "$host" "$address" "$uuid" "$init" "$layers" \
        </dev/null >"$SHARE/$host.log" 2>&1 &
    parent=$!
    wait_for 10 "the first process of $host (see $SHARE/$host.log)" first_child "$parent"
    first_child "$parent" >"$STATE/$host.pid"
    wait_for 10 "host $host (see $SHARE/$host.log)" host_pid "$host"
}

address_of() {
    case $1 in
        alpha) echo 10.77.0.1 ;;
        beta) echo 10.77.0.2 ;;
    esac
}

# Once unshare has forked: the pid of what it forked.
first_child() {
    local children
    children=$(<"/proc/$1/task/$1/children") 2>/dev/null
    [ -n "$children" ] && echo "${children%% *}"
}

boots_systemd() {
    [ "$(cat "$STATE/init" 2>/dev/null)" = systemd ]
}

# Succeeds once the host has booted; a failed unit is told when it is waited for in vain.
booted() {
    [ "$(in_host "$1" systemctl is-system-running --wait)" = running ]
}

rig_down() {
    local host pid
    for host in "${HOSTS[@]}"; do
        if pid=$(host_pid "$host"); then
            kill -KILL "$pid"
            wait_for 20 "the end of host $host" gone "$pid"
        fi
        [ ! -e "$STATE/$host.cgroup" ] || remove_cgroup "$STATE/$host.root" "$(<"$STATE/$host.cgroup")"
    done
    release_huge_pages
    remove_memory_cgroups
    if [ -e "$STATE/release" ]; then
        remove_tree "$STATE" "$(dirname "$STATE")"
    fi
}

gone() {
    [ ! -e "/proc/$1" ]
}

rig_status() {
    local host
    host_pid alpha >/dev/null || { echo "down"; return 1; }
    echo "release $(<"$STATE/release"), link $(<"$STATE/rate")"
    for host in "${HOSTS[@]}"; do
        echo "$host: $(in_host "$host" virsh -q list --all 2>&1 | tr -s ' ' | tr '\n' ';')"
    done
}

rig_install() {
    local host file name
    [ $# -gt 0 ] || die "install: expected FILE…"
    for file in "$@"; do
        [ -f "$file" ] || die "install: no file $file"
        name=$(basename "$file")
        for host in "${HOSTS[@]}"; do
            # shellcheck disable=SC2016 # for the host's shell to expand
            in_host "$host" sh -c 'cat >"/usr/bin/$0.new" && chmod 755 "/usr/bin/$0.new" && mv "/usr/bin/$0.new" "/usr/bin/$0"' "$name" <"$file"
        done
    done
}

rig_copy() {
    local file=${1:-} directory=${2:-} host name
    [ -f "$file" ] || die "copy: no file '$file'"
    [ -n "$directory" ] || die "copy: expected FILE DIRECTORY"
    name=$(basename "$file")
    for host in "${HOSTS[@]}"; do
        # shellcheck disable=SC2016 # for the host's shell to expand
        in_host "$host" sh -c 'mkdir -p "$1" && cat >"$1/$0"' "$name" "$directory" <"$file"
    done
}

rig_daemon() {
    local host=${1:-} action=${2:-} prefix=${4:-:} daemon
    manually daemon
    daemon=$(daemon_of_guests "$(<"$STATE/release")")
    case $action in
        start) in_host "$host" sh -c "$prefix; exec $daemon $(daemon_options "$daemon")" ;;
        # It waits up to 30 s for its worker threads (virNetDaemonFinishTimer, src/rpc/virnetdaemon.c).
        stop) in_host "$host" pkill -TERM -x "$daemon" && wait_for 40 "its end" ended "$host" "$daemon" ;;
        kill) in_host "$host" pkill -KILL -x "$daemon" && wait_for 20 "its end" ended "$host" "$daemon" ;;
        *) die "daemon: expected HOST start|stop|kill" ;;
    esac
}

# manually VERB: of hosts that boot systemd, it is systemd that starts and ends services.
manually() {
    ! boots_systemd || die "$1: use 'rig exec HOST systemctl …' on hosts that boot systemd"
}

ended() {
    ! in_host "$1" pgrep -x "$2"
}
