# Hosts whose first process is systemd (`rig up --systemd`): what it needs to boot in these namespaces, and
# what has no business there.
# shellcheck shell=bash

# Consoles, timers that would change files by the day, and the machine's own devices and kernel.
MASKED=(getty.target timers.target systemd-udevd.service systemd-udevd-control.socket systemd-udevd-kernel.socket
    systemd-udev-trigger.service systemd-udev-settle.service systemd-firstboot.service
    dev-hugepages.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount
    sys-fs-fuse-connections.mount)

# Run by host-init, still in the machine's root: a cgroup of the host's own below the caller's, in which
# systemd makes its units'. FILE then tells its path.
enter_cgroup() {
    local mount=$1 host=$2 file=$3 path
    mkdir -p "$mount"
    mount -t cgroup2 cgroup2 "$mount"
    path=$(sed -n 's/^0:://p' /proc/self/cgroup)
    path=${path%/}/libvirt-hpc-rig.$host.$(date +%s%N)
    mkdir "$mount$path"
    echo "$path" >"$file"
    # 0 is the writer itself.
    echo 0 >"$mount$path/cgroup.procs"
    umount "$mount"
}

# remove_cgroup MOUNT PATH: what enter_cgroup made, once the host's processes have ended.
remove_cgroup() {
    # shellcheck disable=SC2016 # for that shell to expand
    unshare --mount bash -euc 'mount -t cgroup2 cgroup2 "$0"
        [ ! -d "$0$1" ] || find "$0$1" -depth -type d -exec rmdir {} +' "$1" "$2"
}

# A /dev without the machine's devices and log, and the kernel's settings out of reach.
own_dev() {
    local dev=$1/dev node
    mount -t tmpfs -o mode=755,nosuid tmpfs "$dev"
    for node in null zero full random urandom tty kvm; do
        [ -e "/dev/$node" ] || continue
        : >"$dev/$node"
        mount --bind "/dev/$node" "$dev/$node"
    done
    mkdir "$dev/pts" "$dev/shm"
    mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts "$dev/pts"
    mount -t tmpfs -o mode=1777 tmpfs "$dev/shm"
    ln -s pts/ptmx "$dev/ptmx"
    ln -s /proc/self/fd "$dev/fd"
    ln -s fd/0 "$dev/stdin"
    ln -s fd/1 "$dev/stdout"
    ln -s fd/2 "$dev/stderr"
    mount --bind "$1/proc/sys" "$1/proc/sys"
    mount -o remount,bind,ro "$1/proc/sys"
    mount -o remount,ro "$1/sys"
}

# In the host's root: all that is the rig's own lives in /run, and the file system stays Debian's.
rig_units() {
    local host=$1 release=$2 units=/run/systemd/system unit
    mkdir -p "$units/sockets.target.wants" "$units/multi-user.target.wants"
    for unit in "${MASKED[@]}"; do
        ln -s /dev/null "$units/$unit"
    done
    ln -s "/usr/lib/systemd/system/$(daemon_of_network "$release")-tcp.socket" "$units/sockets.target.wants/"
    [ ! -d /rig/tls ] || ln -s "/usr/lib/systemd/system/$(daemon_of_network "$release")-tls.socket" "$units/sockets.target.wants/"
    cat >"$units/rig-listen.service" <<END
[Unit]
Description=Heartbeats of the rig's guests
[Service]
ExecStart=/usr/bin/rig-listen listen /run/rig-listen /rig/$host.beats
END
    ln -s ../rig-listen.service "$units/multi-user.target.wants/"
}

# Becomes systemd, which keeps the last arguments for host_pid to find and makes nothing of them.
boot_systemd() {
    local state=$1 host=$2 uuid=$3 release=$4
    tr -d - <<<"$uuid" >/etc/machine-id
    rig_units "$host" "$release"
    # shellcheck disable=SC2016 # for that shell to expand
    exec unshare --cgroup setpriv --bounding-set=-sys_module,-sys_rawio,-sys_time \
        /bin/bash -c 'mount -t cgroup2 cgroup2 /sys/fs/cgroup
            exec env -i container=libvirt-hpc-rig PATH="$PATH" LC_ALL="$LC_ALL" /lib/systemd/systemd "$@"' \
        bash rig-host "$state" "$host"
}
