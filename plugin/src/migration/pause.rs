//! What every pause takes, however little is left to send: stopping and starting the processors, the devices' state, the
//! switchover between the hosts.

use libvirt_hpc_control::guard::PAUSE_FIXED_MS;

/// For each processor more of an emulated domain (TCG): idle guests of 1, 2 and 4 on a host of two cores, busy with other work,
/// paused for 200, 250 and 330 ms.
const EMULATED_VCPU_MS: u32 = 45;
/// The same under KVM: 254 of them took 254 ms to stop (cloud-hypervisor, PR 7290); not measured by us.
const KVM_VCPU_MS: u32 = 1;

/// What the pause of a domain with so many processors takes with nothing left to send, ms. That of one is of an emulated guest,
/// under KVM as well until one there has been measured.
#[must_use]
pub const fn fixed_ms(is_emulated: bool, vcpus: u32) -> u32 {
    let each = if is_emulated {
        EMULATED_VCPU_MS
    } else {
        KVM_VCPU_MS
    };
    let more = vcpus.saturating_sub(1).saturating_mul(each);
    PAUSE_FIXED_MS.saturating_add(more)
}

#[cfg(test)]
mod tests {
    use super::fixed_ms;

    #[test]
    fn processors_add_to_it_and_emulated_ones_more() {
        assert_eq!((fixed_ms(true, 1), fixed_ms(false, 1)), (75, 75));
        assert_eq!((fixed_ms(true, 4), fixed_ms(false, 4)), (210, 78));
        assert_eq!(fixed_ms(true, u32::MAX), u32::MAX);
    }
}
