# libvirt's modular daemons, for `rig up --modular`. Debian builds virtqemud, virtproxyd and the others from its source
# of libvirt, and ships none of them; here they are built from the same source, once.
#   $CACHE/libvirt/install.tar      what is installed over Debian's own libvirt
# shellcheck shell=bash
# shellcheck disable=SC2034 # build.sh uses it

LIBVIRT=$CACHE/libvirt/install.tar
# What builds the part of it that guests of QEMU's and their migration need.
LIBVIRT_NEEDS=(build-essential dpkg-dev meson ninja-build pkgconf patch gettext python3 rpcsvc-proto xsltproc libxml2-utils
    libacl1-dev libattr1-dev libaudit-dev libcap-ng-dev libglib2.0-dev libgnutls28-dev libjson-c-dev
    libnl-3-dev libnl-route-3-dev libnuma-dev libsasl2-dev libtirpc-dev libxml2-dev)

build_libvirt() {
    local dir=$CACHE/libvirt stamp
    stamp=$(cat "$RIG_DIR/libvirt-build" <(echo "${LIBVIRT_NEEDS[*]}") | sha256sum)
    [ "$(cat "$dir/stamp" 2>/dev/null)" != "$stamp" ] || return 0
    mkdir -p "$dir"
    note "building libvirt's modular daemons (six minutes on two idle cores)"
    rm -f "$dir/stamp"
    # shellcheck disable=SC2046
    TMPDIR=$dir nice -n 15 mmdebstrap --quiet --variant=apt --include="$(tr ' ' , <<<"${LIBVIRT_NEEDS[*]}")" \
        --customize-hook="'$RIG_DIR/libvirt-build' \"\$1\"" \
        --customize-hook="copy-out /src/install.tar '$dir'" \
        trixie /dev/null $(mirror) >&2
    echo "$stamp" >"$dir/stamp"
}
