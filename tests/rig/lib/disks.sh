# Writable disks: for each a qcow2 file in /var/tmp of both hosts, which nothing shares, as where a migration copies
# the storage along. The guest has no driver for them; the first 8 MiB hold a pattern to know them by.
#   $STATE/NAME.disks    a line each: TARGET MiB [BITMAP:GRANULARITY]
# shellcheck shell=bash

# add_disk MiB[,bitmap=NAME:GRANULARITY]: one more for the caller's array `disks`.
add_disk() {
    local size=${1%%,*} letters=abcdefgh bitmap=''
    case $1 in
        *,bitmap=?*:?*) bitmap=${1#*,bitmap=} ;;
        *,*) die "guest: --disk takes MiB[,bitmap=NAME:GRANULARITY], not '$1'" ;;
    esac
    [[ $size =~ ^[0-9]+$ && $size -ge 8 ]] || die "guest: '$1' is no disk of 8 MiB or more"
    # The MPI program's is vda.
    disks+=("vd${letters:$((${#disks[@]} + 1)):1} $size $bitmap")
}

# Reads the caller's array.
make_disks() {
    local target size bitmap other
    rm -f "$STATE/$name.disks"
    [ ${#disks[@]} -gt 0 ] || return 0
    printf '%s\n' "${disks[@]}" >"$STATE/$name.disks"
    for other in "${HOSTS[@]}"; do
        rig_disks "$other" "$name"
    done
    while read -r target size bitmap; do
        in_host "$host" qemu-io -c 'write -q -P 0x5a 0 8M' "/var/tmp/$name-$target.qcow2" >&2 </dev/null
        [ -z "$bitmap" ] || in_host "$host" qemu-img bitmap --add -g "${bitmap#*:}" \
            "/var/tmp/$name-$target.qcow2" "${bitmap%%:*}" >&2 </dev/null
    done <"$STATE/$name.disks"
}

rig_disks() {
    local host=${1:-} name=${2:-} target size bitmap
    need_host "$host" >/dev/null
    [ -e "$STATE/$name.disks" ] || die "disks: guest '$name' has none"
    while read -r target size bitmap; do
        in_host "$host" qemu-img create -q -f qcow2 "/var/tmp/$name-$target.qcow2" "${size}M" >&2 </dev/null
    done <"$STATE/$name.disks"
}

disks_xml() {
    local disk
    for disk in "${disks[@]}"; do
        cat <<END
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2' cache='none'/>
      <source file='/var/tmp/$name-${disk%% *}.qcow2'/>
      <target dev='${disk%% *}' bus='virtio'/>
    </disk>
END
    done
}
