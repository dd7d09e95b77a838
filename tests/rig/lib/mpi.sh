# The image of a real MPI program, for guests with `--workload hpcc:…`: Debian's hpcc and mpich, and the guest agent with
# what sets a clock, read-only.
#   $CACHE/mpi/root.img             ext4, made once for both releases of hosts
#   $CACHE/RELEASE/boot/mpi.img     the same file, where the hosts see it: /boot/rig/mpi.img
# shellcheck shell=bash

MPI_PACKAGES=(hpcc mpich qemu-guest-agent util-linux-extra)
# Debian builds hpcc with each architecture's own MPI: on i386 that is mpich, on amd64 Open MPI. The guests'
# amd64 kernel runs both.
MPI_ARCHITECTURE=i386
MPI_RELEASE=trixie
# What hpcc and mpiexec do not read.
MPI_EXCLUDE=('/usr/share/*' '/usr/include/*' '/usr/lib/*perl*' '/usr/lib/*/gconv/*' '/usr/bin/*perl*' '/var/*')

# Reads the caller's variable: the directory of the hosts' kernel.
build_mpi() {
    local boot=$1 dir=$CACHE/mpi tree=$CACHE/mpi/tree stamp
    stamp=$(sha256sum <"$RIG_DIR/lib/mpi.sh")
    mkdir -p "$dir"
    exec 9>"$dir/lock"
    flock 9
    if [ "$(cat "$dir/stamp" 2>/dev/null)" != "$stamp" ]; then
        note "making the image of ${MPI_PACKAGES[*]} (about a quarter of a minute)"
        rm -f "$dir/stamp"
        extract_mpi "$tree"
        complete_mpi "$tree"
        write_mpi "$tree" "$dir/root.img"
        remove_tree "$tree" "$CACHE"
        echo "$stamp" >"$dir/stamp"
    fi
    ln -f "$dir/root.img" "$boot/mpi.img"
    exec 9>&-
}

# Unpacks the packages; nothing of theirs is run.
extract_mpi() {
    local tree=$1 pattern options=()
    for pattern in "${MPI_EXCLUDE[@]}"; do
        options+=("--dpkgopt=path-exclude=$pattern")
    done
    remove_tree "$tree" "$CACHE"
    # Without a mirror of the machine's own, mmdebstrap takes its default.
    # shellcheck disable=SC2046
    mmdebstrap --quiet --variant=extract --architectures=$MPI_ARCHITECTURE \
        --include="$(tr ' ' , <<<"${MPI_PACKAGES[*]}")" "${options[@]}" \
        $MPI_RELEASE "$tree" $(mirror) >&2
}

# What the packages' scripts and an administrator would do: the linear algebra of choice, names of the guest,
# and the places where guest-init mounts something.
complete_mpi() {
    local tree=$1
    mkdir -p "$tree"/{dev,proc,sys,tmp,etc}
    [ -e "$tree/lib" ] || ln -s usr/lib "$tree/lib"
    [ -e "$tree/sbin" ] || ln -s usr/sbin "$tree/sbin"
    ln -s blas/libblas.so.3 "$tree/usr/lib/$MPI_ARCHITECTURE-linux-gnu/libblas.so.3"
    echo '127.0.0.1 localhost guest' >"$tree/etc/hosts"
    echo 'hosts: files' >"$tree/etc/nsswitch.conf"
}

# A file system that the guests' kernel has built in, a quarter larger than what is in it.
write_mpi() {
    local tree=$1 image=$2 kib
    kib=$(du -sk --apparent-size "$tree" | cut -f 1)
    : >"$image.new"
    mke2fs -q -t ext4 -O ^has_journal -m 0 -d "$tree" "$image.new" "$((kib * 5 / 4 + 2048))k" >&2
    mv "$image.new" "$image"
}
