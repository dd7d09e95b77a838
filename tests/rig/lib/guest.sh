# Guests: our kernel and initramfs, the heartbeat on a virtio-serial channel; no disk unless asked for. With `--accel kvm`
# the guest without Linux, the heartbeat on its second serial port.
# shellcheck shell=bash

rig_guest() {
    local name=${1:-} memory=512 vcpus=1 workload=idle fill='' host=alpha persistent='' policy='' accel='' xml since value
    # shellcheck disable=SC2034 # lib/disks.sh fills and reads the first
    local disks=() devices=0 hugepages='' memory_room='' dirty_ring=''
    [[ $name =~ ^[A-Za-z0-9_-]+$ ]] || die "guest: expected NAME of letters, digits, - and _"
    shift
    while [ $# -gt 0 ]; do
        case $1 in
            --persistent) persistent=yes ;;
            --marked)
                policy="<hpc:migration xmlns:hpc='urn:libvirt-hpc:domain:1.0'>"
                case ${2:-} in '<'*) policy+=$2 && shift ;; esac
                policy+='</hpc:migration>'
                ;;
            --hugepages) hugepages=yes ;;
            --dirty-ring) dirty_ring=yes ;;
            --memory | --vcpus | --workload | --fill | --host | --devices | --memory-room | --accel)
                [ $# -ge 2 ] || die "guest: $1 needs a value"
                value=${1#--}
                local "${value//-/_}=$2"
                shift
                ;;
            --disk)
                add_disk "${2:-}"
                shift
                ;;
            *) die "guest: unknown argument '$1'" ;;
        esac
        shift
    done
    need_host "$host" >/dev/null
    choose_accelerator "$host" "$accel"
    ! runs_mpi || build_mpi "$CACHE/$(<"$STATE/release")/boot"
    [ -z "$dirty_ring" ] || [ "$ACCELERATOR" != tcg ] || die "guest: --dirty-ring is for guests under KVM"
    make_disks
    [ -z "$hugepages" ] || reserve_huge_pages "$memory"
    xml=$SHARE/$name.xml
    domain_xml >"$xml"
    since=$("$LISTEN" now)
    if [ -z "$memory_room" ]; then start_domain; else in_memory_cgroup "$host" "$name" start_domain; fi
    wait_ready
    [ -z "$memory_room" ] || limit_memory "$host" "$memory_room"
    "$LISTEN" now >"$SHARE/$name.since"
}

start_domain() {
    if [ -n "$persistent" ]; then
        in_host "$host" virsh -q define "/rig/$name.xml" >&2
        in_host "$host" virsh -q start "$name" >&2
    else
        in_host "$host" virsh -q create "/rig/$name.xml" >&2
    fi
}

# Boot and first pass take 10 s for 512 MiB on an idle machine under TCG; give a busy one 3 min.
wait_ready() {
    local try
    for try in {1..36}; do
        ! "$LISTEN" ready "$name" "$since" 5 "$SHARE/$host.beats" 2>/dev/null || return 0
        runs_on "$host" "$name" || break
    done
    grep -aE -A 3 'Error:|Out of memory|Kernel panic' "$SHARE/$name.console" >&2 || true
    die "guest: $name did not run its workload after $((try * 5)) s; its console is $SHARE/$name.console"
}

# MiB filled: 70 % of the memory, but the kernel and the workload need some for themselves: hpcc's ranks twice
# their matrices, and the programs.
default_fill() {
    local own=112
    ! runs_mpi || own=$((160 + 2 * ${workload#hpcc:}))
    echo $((memory * 7 / 10 < memory - own ? memory * 7 / 10 : memory - own))
}

runs_mpi() {
    [[ $workload =~ ^hpcc:[0-9]+$ ]]
}

# Nobody writes to it, so libvirt takes it for safe to migrate although it is not on a shared file system.
mpi_disk() {
    ! runs_mpi || cat <<'END'
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw'/>
      <source file='/boot/rig/mpi.img'/>
      <target dev='vda' bus='virtio'/>
      <readonly/>
      <shareable/>
    </disk>
END
}

# The image of the MPI program has a guest agent.
agent_xml() {
    ! runs_mpi || echo "    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
}

# Of the kind that the guest's kernel drives without a module.
devices_xml() {
    local index
    for ((index = 1; index <= devices; index++)); do
        echo "    <controller type='virtio-serial' index='$index' ports='1'/>"
    done
}

# Reads the caller's variables: one guest, one template.
domain_xml() {
    cat <<END
<domain type='$([ "$ACCELERATOR" = tcg ] && echo qemu || echo kvm)'>
  <name>$name</name>
  <metadata>$policy</metadata>
  <memory unit='MiB'>$memory</memory>
$(huge_pages_xml)
  <vcpu>$vcpus</vcpu>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
$(kernel_xml)
  </os>
  <features><acpi/>$(dirty_ring_xml)</features>
$(cpu_xml)
  <on_reboot>destroy</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
$(mpi_disk)
$(disks_xml)
$(devices_xml)
    <serial type='file'><source path='/rig/$name.console' append='on'/><target port='0'/></serial>
$(beat_xml)
$(agent_xml)
    <memballoon model='none'/>
  </devices>
</domain>
END
}

kernel_xml() {
    local words="hpc.name=$name hpc.fill=${fill:-$(default_fill)} hpc.work=$workload"
    if is_bare; then
        cat <<END
    <loader readonly='yes' type='rom'>$BARE_FIRMWARE</loader>
    <kernel>/boot/rig/bare</kernel>
    <cmdline>$words hpc.vcpus=$vcpus hpc.beat=$BARE_BEAT_MS</cmdline>
END
    else
        cat <<END
    <kernel>/boot/rig/vmlinuz</kernel>
    <initrd>/boot/rig/initrd</initrd>
    <cmdline>$KERNEL_ARGUMENTS $words</cmdline>
END
    fi
}

# A beat is an exit for each of its 35 bytes, 0.6 ms in all: 6 % of a processor.
BARE_BEAT_MS=10

dirty_ring_xml() {
    [ -z "$dirty_ring" ] || echo "<kvm><dirty-ring state='on' size='4096'/></kvm>"
}

cpu_xml() {
    if is_bare; then
        cat <<'END'
  <cpu mode='custom' check='none'>
    <model>qemu64</model>
    <feature policy='disable' name='svm'/>
    <feature policy='disable' name='pni'/>
  </cpu>
END
    else
        echo "  <cpu mode='custom'><model>qemu64</model></cpu>"
    fi
}

beat_xml() {
    local element=channel target="type='virtio' name='org.libvirt-hpc.beat'"
    ! is_bare || element=serial target="port='1'"
    cat <<END
    <$element type='unix'>
      <source mode='connect' path='/run/rig-listen'/>
      <target $target/>
    </$element>
END
}

# mitigations=off: page-table isolation flushes TCG's translation buffers at every system call. The self-tests of the
# kernel's cryptography, its jitter entropy and its certificates take a fifth of a boot under TCG.
KERNEL_ARGUMENTS='console=ttyS0 quiet panic=1 mitigations=off cryptomgr.notests'
KERNEL_ARGUMENTS+=' initcall_blacklist=jent_mod_init,init_encrypted,crypto_kdf108_init,load_system_certificate_list'
