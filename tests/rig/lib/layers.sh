# Layers: what a Debian package and all that it needs add to a root, for the hosts of `rig up --with PACKAGE`.
#   $CACHE/RELEASE/with/PACKAGE/    the files; nothing of the package's is run
# shellcheck shell=bash

# What a host does not read.
LAYER_EXCLUDE=('/usr/share/doc/*' '/usr/share/man/*' '/usr/share/locale/*' '/var/*')
# What mmdebstrap makes in every tree, and a host has of its own.
LAYER_FOREIGN=(dev tmp var etc/apt etc/dpkg etc/fstab etc/hostname etc/resolv.conf)

# build_layers RELEASE PACKAGE…: their directories, each with a colon behind it, as overlay wants them.
build_layers() {
    local release=$1 package
    shift
    exec 9>"$CACHE/lock"
    flock 9
    for package in "$@"; do
        [[ $package =~ ^[a-z0-9][a-z0-9+.-]+$ ]] || die "up: no package is called '$package'"
        build_layer "$release" "$package"
        printf '%s:' "$CACHE/$release/with/$package"
    done
    exec 9>&-
}

build_layer() {
    local release=$1 package=$2 dir=$CACHE/$1/with tree=$CACHE/$1/with/$2 stamp pattern foreign options=()
    stamp=$(cat "$RIG_DIR/lib/layers.sh" "$CACHE/$release/root.stamp" | sha256sum)
    [ "$(cat "$tree.stamp" 2>/dev/null)" != "$stamp" ] || return 0
    mkdir -p "$dir"
    exec 8>"$CACHE/$release/lock"
    flock -n 8 || die "hosts are up on the $release root: 'rig down' before $package is laid over it"
    note "unpacking $package and what it needs for the $release root"
    rm -f "$tree.stamp"
    remove_tree "$tree" "$CACHE"
    for pattern in "${LAYER_EXCLUDE[@]}"; do
        options+=("--dpkgopt=path-exclude=$pattern")
    done
    # Told what the root has, apt asks the archive for the rest alone.
    # shellcheck disable=SC2046
    mmdebstrap --quiet --variant=extract --include="$package" "${options[@]}" \
        --setup-hook="mkdir -p \"\$1/var/lib/dpkg\" && cp '$CACHE/$release/root/var/lib/dpkg/status' \"\$1/var/lib/dpkg\"" \
        "$release" "$tree" $(mirror) >&2
    for foreign in "${LAYER_FOREIGN[@]}"; do
        rm -rf --one-file-system -- "${tree:?}/$foreign"
    done
    # A directory there would hide the root's link of that name.
    ! [ -e "$tree/lib" ] || die "$package has files in /lib: it cannot be laid over the root"
    echo "$stamp" >"$tree.stamp"
    exec 8>&-
}
