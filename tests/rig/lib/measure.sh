# What the guests' users saw, from the heartbeats that both hosts heard.
# shellcheck shell=bash

rig_now() {
    [ -x "$LISTEN" ] || die "now: run 'rig build' first"
    "$LISTEN" now
}

runs_on() {
    [ "$(in_host "$1" virsh -q domstate "$2" 2>/dev/null | head -n 1)" = running ]
}

rig_verify() {
    local name=${1:?verify: expected NAME} host
    for host in "${HOSTS[@]}"; do
        if runs_on "$host" "$name"; then
            in_host "$host" rig-listen verify "$name" /run/rig-listen 300 "/rig/$host.beats"
            return
        fi
    done
    die "verify: guest $name runs on neither host"
}

rig_report() {
    local name=${1:?report: expected NAME} since host copies=0
    case ${2:-} in
        '') since=$(cat "$SHARE/$name.since") || die "report: no guest $name" ;;
        --since) since=${3:?--since needs ns} ;;
        *) die "report: unknown argument '$2'" ;;
    esac
    for host in "${HOSTS[@]}"; do
        ! runs_on "$host" "$name" || copies=$((copies + 1))
    done
    "$LISTEN" report "$name" "$since" "$copies" "alpha=$SHARE/alpha.beats" "beta=$SHARE/beta.beats"
}
