//! What every pause takes, however little is left to send: stopping and starting the processors, the devices' state, the
//! switchover between the hosts.

use libvirt_hpc_control::guard::PAUSE_FIXED_MS;
use libvirt_hpc_control::policy::{Policy, Then};
use libvirt_hpc_xml_schemas as xml;

/// With one processor under KVM: between the heartbeats of idle guests of 1 and 2 on the rig 41 to 71 ms in 20 moves, QEMU's
/// downtime 35 to 59 of them. Published of another VMM: 20 to 50 (cloud-hypervisor, PR 7033).
const KVM_MS: u32 = 70;
/// For each processor more: 254 of them took 254 ms to stop (cloud-hypervisor, PR 7290); not measured by us.
const KVM_VCPU_MS: u32 = 1;
/// For each processor more of an emulated domain (TCG): idle guests of 1, 2 and 4 on a host of two cores, busy with other work,
/// paused for 200, 250 and 330 ms.
const EMULATED_VCPU_MS: u32 = 45;

/// The devices of the guests that those were measured with.
const DEVICES: u32 = 2;
/// For each device more: 16 virtio-serial controllers, which the guest did not use, took 7 ms (means of 10 moves), so 0.4 ms
/// each; a guest that uses them has more to save and to wake.
const KVM_DEVICE_MS: u32 = 1;
/// For each device more of an emulated domain: 16, whose driver was loaded, took 150 ms (means of 10 moves, other work beside).
const EMULATED_DEVICE_MS: u32 = 9;

/// What the pause of the domain of `document` with so many processors takes with nothing left to send, ms.
#[must_use]
pub fn fixed_ms(document: &str, vcpus: u32) -> u32 {
    let (one, each_vcpu, each_device) = if xml::is_emulated(document) {
        (PAUSE_FIXED_MS, EMULATED_VCPU_MS, EMULATED_DEVICE_MS)
    } else {
        (KVM_MS, KVM_VCPU_MS, KVM_DEVICE_MS)
    };
    let more = |count: u32, least: u32, each: u32| count.saturating_sub(least).saturating_mul(each);
    one.saturating_add(more(vcpus, 1, each_vcpu))
        .saturating_add(more(xml::device_count(document), DEVICES, each_device))
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
    use std::time::Duration;

    use libvirt_hpc_control::policy::{Deadline, Timeout};
    use libvirt_hpc_control::target::Action;

    use super::*;

    #[test]
    fn processors_and_devices_add_to_it_and_emulated_ones_more() {
        let fixed = |vcpus, devices| {
            let devices = "<disk><address type='pci'/></disk>".repeat(devices);
            ["qemu", "kvm"].map(|kind| {
                let document =
                    format!("<domain type='{kind}'><devices>{devices}</devices></domain>");
                fixed_ms(&document, vcpus)
            })
        };
        assert_eq!(fixed(1, 0), [100, 70]);
        assert_eq!(fixed(4, 2), [235, 73]);
        assert_eq!(fixed(1, 18), [244, 86]);
        assert_eq!(fixed(u32::MAX, 3), [u32::MAX, u32::MAX]);
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

    #[test]
    fn a_timer_outranks_the_longest_pause_and_so_does_a_deadline_that_does_not_abort() {
        let deadline = |then| Policy {
            deadline: Some(Deadline {
                after: Duration::from_secs(60),
                then,
            }),
            ..Policy::default()
        };
        let timer = Policy {
            timeout: Some(Timeout {
                after: Duration::from_secs(60),
                from: None,
                action: Action::Suspend,
            }),
            ..Policy::default()
        };
        assert!(!is_outranked(&Policy::default()));
        assert!(!is_outranked(&deadline(Then::Abort)));
        assert!(is_outranked(&deadline(Then::Switchover)));
        assert!(is_outranked(&deadline(Then::Postcopy)));
        assert!(is_outranked(&timer));
    }
}
