//! What every pause takes, however little is left to send: stopping and starting the processors, the devices' state, the
//! switchover between the hosts.

use libvirt_hpc_control::guard::PAUSE_FIXED_MS;
use libvirt_hpc_control::policy::{Policy, Then};

/// With one processor under KVM: between the heartbeats of idle guests of 1 and 2 on the rig 41 to 71 ms in 20 moves, QEMU's
/// downtime 35 to 59 of them. Published of another VMM: 20 to 50 (cloud-hypervisor, PR 7033).
const KVM_MS: u32 = 70;
/// For each processor more: 254 of them took 254 ms to stop (cloud-hypervisor, PR 7290); not measured by us.
const KVM_VCPU_MS: u32 = 1;
/// For each processor more of an emulated domain (TCG): idle guests of 1, 2 and 4 on a host of two cores, busy with other work,
/// paused for 200, 250 and 330 ms.
const EMULATED_VCPU_MS: u32 = 45;

/// What the pause of a domain with so many processors takes with nothing left to send, ms.
#[must_use]
pub const fn fixed_ms(is_emulated: bool, vcpus: u32) -> u32 {
    let (one, each) = if is_emulated {
        (PAUSE_FIXED_MS, EMULATED_VCPU_MS)
    } else {
        (KVM_MS, KVM_VCPU_MS)
    };
    one.saturating_add(vcpus.saturating_sub(1).saturating_mul(each))
}

/// Why the longest pause of `policy` cannot be kept whatever is left, if it cannot, and what would be needed.
#[must_use]
pub fn out_of_reach(policy: &Policy) -> Option<String> {
    let fixed_ms = policy.pause_fixed_ms.unwrap_or(PAUSE_FIXED_MS);
    let longest_ms = policy.downtime_max_ms.filter(|&ms| ms <= fixed_ms)?;
    Some(format!(
        "a longest pause of {longest_ms} ms cannot be kept: with nothing left to send this guest pauses for about {fixed_ms} ms; \
         allow more than that"
    ))
}

/// Whether `policy` has the guest switched over in the end, however long it then pauses.
#[must_use]
pub fn is_outranked(policy: &Policy) -> bool {
    let goes = policy.deadline.is_some_and(|d| d.then != Then::Abort);
    goes || policy.timeout.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_add_to_it_and_emulated_ones_more() {
        assert_eq!((fixed_ms(true, 1), fixed_ms(false, 1)), (100, 70));
        assert_eq!((fixed_ms(true, 4), fixed_ms(false, 4)), (235, 73));
        assert_eq!(fixed_ms(true, u32::MAX), u32::MAX);
    }

    #[test]
    fn what_nothing_left_to_send_exceeds_is_told_with_what_would_do() {
        let told = |downtime_max_ms, pause_fixed_ms| {
            out_of_reach(&Policy {
                downtime_max_ms,
                pause_fixed_ms,
                ..Policy::default()
            })
        };
        assert_eq!(told(None, Some(50)), None);
        assert_eq!(told(Some(60), Some(50)), None);
        let said = told(Some(50), Some(50)).expect("told");
        assert!(
            said.contains("of 50 ms") && said.contains("about 50 ms"),
            "{said}"
        );
        assert!(told(Some(60), None).is_some());
    }
}
