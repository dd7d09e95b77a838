# The cache: per release a root, a kernel and an initramfs; and the static programs.
#   $CACHE/bin/              libvirt-hpc-guest, rig-listen (static); libvirt-hpc-guest-bare (no operating system)
#   $CACHE/RELEASE/root      the hosts' root, never written after it is made
#   $CACHE/RELEASE/boot      vmlinuz, initrd; bare
#   $CACHE/RELEASE/virtio_blk.ko    the kernel's driver of disks, for the initrd
# shellcheck shell=bash

PACKAGES=(libvirt-daemon-system libvirt-clients qemu-system-x86 qemu-utils libfaketime iproute2 procps python3-libvirt)

rig_build() {
    local release
    release=$(release_of "$@")
    mkdir -p "$CACHE"
    # Two builds at once would write the same root.
    exec 9>"$CACHE/lock"
    flock 9
    build_programs
    build_bare
    [ "$release" != modular ] || build_libvirt
    build_root "$release"
    build_initrd "$release"
    keep "$CACHE/bin/libvirt-hpc-guest-bare" "$CACHE/$release/boot/bare"
    exec 9>&-
}

release_of() {
    case $* in
        '') echo trixie ;;
        --old) echo bookworm ;;
        --modular) echo modular ;;
        *) die "unknown argument: $*" ;;
    esac
}

# The only Rust target is glibc's; static, the programs run in any root and in the initramfs.
build_programs() {
    local out=$CACHE/target/x86_64-unknown-linux-gnu/release program
    RUSTFLAGS='-C target-feature=+crt-static' cargo build -q --release -p libvirt-hpc-guest \
        --manifest-path "$RIG_DIR/../guest/Cargo.toml" \
        --target x86_64-unknown-linux-gnu --target-dir "$CACHE/target" 9>&- >&2
    mkdir -p "$CACHE/bin"
    for program in libvirt-hpc-guest rig-listen; do
        keep "$out/$program" "$CACHE/bin/$program"
    done
}

# Of the same target, which every toolchain has: linked at fixed addresses, without a C library and its unwinding.
build_bare() {
    local out=$CACHE/target/bare/x86_64-unknown-linux-gnu/release
    RUSTFLAGS='-C panic=abort -C relocation-model=static' cargo build -q --release -p libvirt-hpc-guest-bare \
        --manifest-path "$RIG_DIR/../guest/bare/Cargo.toml" \
        --target x86_64-unknown-linux-gnu --target-dir "$CACHE/target/bare" 9>&- >&2
    keep "$out/libvirt-hpc-guest-bare" "$CACHE/bin/libvirt-hpc-guest-bare"
}

# keep NEW OLD: a program that runs cannot be written, but it can be replaced.
keep() {
    ! cmp -s "$1" "$2" || return 0
    install -m 755 "$1" "$2.new"
    mv "$2.new" "$2"
}

# The machine's own Debian mirror (deb822 or one-line form), or nothing.
mirror() {
    local files=(/etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list)
    sed -n -E 's/^(URIs:|deb(-src)?( +\[[^]]*\])?) *(https?:[^ ]*\/debian)\/?( .*)?$/\4/p' \
        "${files[@]}" 2>/dev/null | sed -n 1p
}

build_root() {
    local release=$1 dir=$CACHE/$1 suite=$1 packages=("${PACKAGES[@]}") archive=() modular=() stamp
    if [ "$release" = modular ]; then
        suite=trixie packages+=(openssh-server rpm) archive=("$LIBVIRT")
        modular=(--customize-hook="'$RIG_DIR/root-hook' modular \"\$1\" '$LIBVIRT'")
    fi
    stamp=$(cat "$RIG_DIR/root-hook" <(echo "1 $release ${packages[*]}") "${archive[@]}" | sha256sum)
    [ "$(cat "$dir/root.stamp" 2>/dev/null)" != "$stamp" ] || return 0
    mkdir -p "$dir/boot"
    # Every host that is up holds this lock, whichever rig it belongs to.
    exec 8>"$dir/lock"
    flock -n 8 || die "hosts are up on the $release root: 'rig down' before it is made anew"
    note "making the $release root (about half a minute)"
    rm -f "$dir/root.stamp"
    remove_tree "$dir/root" "$CACHE"
    # Without a mirror of the machine's own, mmdebstrap takes its default.
    # shellcheck disable=SC2046
    mmdebstrap --quiet --variant=apt --include="$(tr ' ' , <<<"${packages[*]}")" \
        --setup-hook="'$RIG_DIR/root-hook' setup \"\$1\"" \
        --customize-hook="'$RIG_DIR/root-hook' customize \"\$1\"" \
        "${modular[@]}" "$suite" "$dir/root" $(mirror) >&2
    mv "$dir/root/boot/vmlinuz" "$dir/boot/vmlinuz"
    mv "$dir/root/boot/virtio_blk.ko" "$dir/virtio_blk.ko"
    echo "$stamp" >"$dir/root.stamp"
    exec 8>&-
}

build_initrd() {
    local dir=$CACHE/$1 work stamp
    stamp=$(cat "$CACHE/bin/libvirt-hpc-guest" "$RIG_DIR/guest-init" "$dir/virtio_blk.ko" "$(command -v busybox)" |
        sha256sum)
    [ "$(cat "$dir/initrd.stamp" 2>/dev/null)" != "$stamp" ] || return 0
    work=$dir/initrd.tree
    remove_tree "$work" "$CACHE"
    mkdir -p "$work"/{bin,dev,proc,sys,lib,mpi}
    cp "$(command -v busybox)" "$work/bin/busybox"
    cp "$CACHE/bin/libvirt-hpc-guest" "$work/bin/"
    cp "$dir/virtio_blk.ko" "$work/lib/"
    install -m 755 "$RIG_DIR/guest-init" "$work/init"
    (cd "$work" && find . | cpio --quiet -o -H newc -R 0:0 | gzip -1) >"$dir/boot/initrd.new"
    mv "$dir/boot/initrd.new" "$dir/boot/initrd"
    remove_tree "$work" "$CACHE"
    echo "$stamp" >"$dir/initrd.stamp"
}
