# The link: one veth pair, shaped at both ends.
# shellcheck shell=bash

make_link() {
    local alpha beta host
    alpha=$(need_host alpha)
    beta=$(need_host beta)
    ip link add eth0 netns "$alpha" type veth peer name eth0 netns "$beta"
    in_net alpha ip addr add "$(address_of alpha)/24" dev eth0
    in_net beta ip addr add "$(address_of beta)/24" dev eth0
    for host in "${HOSTS[@]}"; do
        in_net "$host" ip link set eth0 up
    done
    shape "$1"
}

# in_net HOST COMMAND…: the machine's own COMMAND in the host's network.
in_net() {
    local pid
    pid=$(need_host "$1")
    shift
    nsenter -t "$pid" -n -- "$@"
}

shape() {
    local host
    for host in "${HOSTS[@]}"; do
        if [ "$1" = unshaped ]; then
            in_net "$host" tc qdisc replace dev eth0 root pfifo_fast
            continue
        fi
        in_net "$host" tc qdisc replace dev eth0 root tbf rate "$1" burst 256kb latency 20ms ||
            die "link: '$1' is no rate that tc knows (as 1gbit, 200mbit), nor 'unshaped'"
    done
    echo "$1" >"$STATE/rate"
}

rig_link() {
    local host
    case ${1:-} in
        '') die "link: expected RATE, cut or restore" ;;
        # Packets vanish without an error at either end, as behind a failed switch.
        cut | down)
            for host in "${HOSTS[@]}"; do
                in_net "$host" tc qdisc replace dev eth0 root blackhole
            done
            ;;
        restore | up) shape "$(<"$STATE/rate")" ;;
        *) shape "$1" ;;
    esac
}
