# The machine's own packages.
# shellcheck shell=bash

DEPS=(mmdebstrap debian-archive-keyring iproute2 util-linux e2fsprogs busybox-static cpio procps openssl
    libvirt-dev libvirt-clients pkg-config libxml2-utils gcc libc6-dev shellcheck)
# What makes, judges and tests the packages, man pages and completions.
PACKAGE_DEPS=(debhelper dpkg-dev lintian rpm rpmlint man-db mandoc bash-completion zsh fish)

rig_deps() {
    local package all=("${DEPS[@]}") missing=()
    [ "${1:-}" != --packages ] || all+=("${PACKAGE_DEPS[@]}")
    command -v apt-get >/dev/null || die "deps: this is not a Debian machine; install yourself: ${all[*]}"
    for package in "${all[@]}"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    note "installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -y -q --no-install-recommends "${missing[@]}" >&2 && return
    # The package lists may be older than the archive.
    apt-get update -q >&2
    apt-get install -y -q --no-install-recommends "${missing[@]}" >&2
}
