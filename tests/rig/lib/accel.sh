# What accelerates guests: TCG always, KVM where there is one.
# shellcheck shell=bash

# Starts a guest that is an ELF image in a quarter of a second; SeaBIOS takes half a minute where KVM emulates kernel
# mode. Of qemu-system-data, which QEMU depends on.
BARE_FIRMWARE=/usr/share/qemu/qboot.rom

rig_accel() {
    need_host alpha >/dev/null
    case $(kvm_of alpha) in
        none) echo 'no KVM' ;;
        bare) echo 'KVM, not for stock Linux' ;;
        linux) echo 'KVM' ;;
    esac
}

# choose_accelerator HOST [kvm]: sets ACCELERATOR to tcg or kvm, for the guest on Linux, or to bare, for the one without,
# under KVM.
choose_accelerator() {
    local host=$1 major
    case $2 in
        '') ACCELERATOR=${LIBVIRT_HPC_RIG_ACCEL:-$([ "$(kvm_of "$host")" = linux ] && echo kvm || echo tcg)} ;;
        kvm)
            [ "$(kvm_of "$host")" != none ] || die "guest: --accel kvm: this machine has no KVM"
            ! runs_mpi || die "guest: --accel kvm: its guest has no Linux for hpcc"
            ACCELERATOR=bare
            ;;
        *) die "guest: --accel is kvm, or is not given" ;;
    esac
    [ "$ACCELERATOR" = tcg ] || return 0
    major=$(in_host "$host" qemu-system-x86_64 --version | sed -n 's/.*version \([0-9]*\)\..*/\1/p')
    [ "${major:-0}" -ge 10 ] ||
        die "guest: QEMU ${major:-?} corrupts memory that migrates under TCG; QEMU 10 or later is needed"
}

is_bare() {
    [ "$ACCELERATOR" = bare ]
}

# What KVM of this kernel is for: none, bare (not for stock Linux), linux. A /dev/kvm that opens may still boot no stock
# kernel (nested, paravirtual), so each guest is booted once under it, and the answer kept.
kvm_of() {
    local host=$1 answer
    answer=$CACHE/accelerator.$(uname -r)
    [ -e "$answer" ] || probe_kvm "$host" >"$answer"
    echo "$(<"$answer")"
}

probe_kvm() {
    local host=$1
    if [ ! -w /dev/kvm ]; then
        echo none
    elif boots "$host" -kernel /boot/rig/vmlinuz -initrd /boot/rig/initrd -append "$KERNEL_ARGUMENTS hpc.probe"; then
        echo linux
    elif boots "$host" -cpu qemu64,-svm,-pni -bios "$BARE_FIRMWARE" -kernel /boot/rig/bare -append hpc.probe; then
        echo bare
    else
        echo none
    fi
}

boots() {
    local host=$1
    shift
    in_host "$host" timeout 20 qemu-system-x86_64 -accel kvm -cpu qemu64 -m 256 -display none -nodefaults \
        -serial stdio -no-reboot "$@" </dev/null 2>/dev/null | grep -q 'rig: booted'
}
