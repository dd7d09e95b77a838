# The product in the hosts, as a package would put it there, and what it and libvirt do there.
# shellcheck shell=bash

# Succeeds if somebody listens on the agent's control socket: an agent that was killed leaves its name behind.
CONNECT='import socket; socket.socket(socket.AF_UNIX).connect("/run/libvirt-hpc/agent.sock")'

rig_install-tree() {
    local tree=${1:-} host
    [ -d "$tree" ] || die "install-tree: expected DIR, as 'make install DESTDIR=DIR' fills it"
    for host in "${HOSTS[@]}"; do
        # Directories that are there stay as they are.
        tar -C "$tree" --owner=0 --group=0 -cf - . |
            in_host "$host" tar -C / --no-overwrite-dir --keep-directory-symlink -xf -
        in_host "$host" systemd-tmpfiles --create libvirt-hpc.conf
        reload_daemon "$host"
    done
}

# The agent, without a service manager, in the background.
rig_agent() {
    local host=${1:-} action=${2:-}
    [ $# -ge 2 ] || die "agent: expected HOST start|stop|kill|pause|continue|reload"
    manually agent
    shift 2
    case $action in
        start) start_agent "$host" "$@" ;;
        stop) end_agent "$host" TERM ;;
        kill) end_agent "$host" KILL ;;
        pause) signal_agent "$host" STOP ;;
        continue) signal_agent "$host" CONT ;;
        reload) signal_agent "$host" HUP ;;
        *) die "agent: no action '$action': start, stop, kill, pause, continue or reload" ;;
    esac
}

start_agent() {
    local host=$1 log=$SHARE/$1.agent.log pid environment=()
    shift
    need_host "$host" >/dev/null
    ! agent_runs "$host" || die "agent: one runs on $host already"
    # shellcheck disable=SC2206 # settings without blanks in them
    ! in_host "$host" test -e "$CLOCK" || environment=($FAKED_CLOCK)
    # shellcheck disable=SC2016 # for the host's shell to expand
    pid=$(in_host "$host" env "${environment[@]}" sh -c \
        'setsid libvirt-hpcd --stderr "$@" </dev/null >>"/rig/$0.agent.log" 2>&1 & echo $!' "$host" "$@")
    wait_for 10 "the agent of $host (see $log)" agent_started "$host" "$pid"
    in_host "$host" kill -0 "$pid" 2>/dev/null || die "agent: it ended at once: $(tail -n 5 "$log")"
}

# Whether somebody listens, or there is nobody left to wait for.
agent_started() {
    in_host "$1" python3 -c "$CONNECT" || ! in_host "$1" kill -0 "$2"
}

end_agent() {
    signal_agent "$1" "$2"
    wait_for 30 "the end of the agent of $1" no_agent "$1"
}

signal_agent() {
    need_host "$1" >/dev/null
    in_host "$1" pkill "-$2" -x libvirt-hpcd || die "agent: none runs on $1"
}

agent_runs() {
    in_host "$1" pgrep -x libvirt-hpcd >/dev/null
}

no_agent() {
    ! agent_runs "$1"
}

# What clients call: libvirt's public functions log each call with its domain and arguments (VIR_DOMAIN_DEBUG in
# src/libvirt-domain.c). The daemon's own log goes on as host-init set it.
rig_calls() {
    local host=${1:-} daemon filters outputs
    daemon=$(daemon_of_guests "$(<"$STATE/release")")
    outputs=3:file:/rig/$host.$daemon.log
    case ${2:-} in
        on)
            filters='1:libvirt.domain 1:libvirt-qemu'
            outputs+=" 1:file:/rig/$host.calls.log"
            ;;
        off) filters= ;;
        *) die "calls: expected HOST on|off" ;;
    esac
    in_host "$host" virt-admin -q -c "$daemon:///system" daemon-log-filters "$filters"
    in_host "$host" virt-admin -q -c "$daemon:///system" daemon-log-outputs "$outputs"
}
