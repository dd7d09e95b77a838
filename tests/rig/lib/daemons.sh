# Which of libvirt's daemons the hosts have.
# shellcheck shell=bash

# daemons RELEASE: all that a client of QEMU's guests may meet, here or from another host.
daemons() {
    case $1 in
        modular) echo virtqemud virtproxyd ;;
        *) echo libvirtd ;;
    esac
}

# Whom guests, hooks and local clients belong to.
daemon_of_guests() {
    daemons "$1" | cut -d ' ' -f 1
}

# Whom other hosts connect to.
daemon_of_network() {
    daemons "$1" | sed 's/.* //'
}

# Options of one that is started without a service manager. virtqemud knows no network, and virtproxyd listens as its
# configuration says.
daemon_options() {
    case $1 in
        libvirtd) echo --listen --daemon ;;
        *) echo --daemon ;;
    esac
}
