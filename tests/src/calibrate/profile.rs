//! The test bed in the plant's terms: its link, and the costs of QEMU and libvirt there.

use std::time::Duration;

use crate::plant;

/// Payload of a full TCP segment with timestamps, and the Ethernet frame that tbf counts, bytes.
const SEGMENT_BYTES: u64 = 1448;
const FRAME_BYTES: u64 = 1514;

/// Bytes that QEMU has written to the socket and the link has not carried when the guest stops: the pause waits for
/// them. They are in the socket's buffer, which Linux lets grow to 4 MiB (`net.ipv4.tcp_wmem`).
///
/// Measured with [`FIXED_PAUSE`], the 30 runs of `tests/traces`: pauses, less the time for the remaining memory at the
/// link's rate, are 85 ms at 1 Gbit/s, 111 ms at 500 Mbit/s and 152 ms at 200 Mbit/s in the median; the line nearest to
/// them is 73 ms and 1.9 MB.
const IN_PIPE_BYTES: u64 = 1_900_000;

/// The fixed part of a pause without memory and socket buffer, as the guest's users see it: vCPU stop, libvirt's
/// pause-before-switchover, device state, start at the destination, two halves of a heartbeat.
const FIXED_PAUSE: Duration = Duration::from_millis(73);

/// From the job's begin until memory flows: libvirt prepares the destination and starts a QEMU there.
const SETUP: Duration = Duration::from_millis(520);

/// The same of guests under KVM, which have fewer devices and are heard more often.
const KVM_FIXED_PAUSE: Duration = Duration::from_millis(20);
const KVM_SETUP: Duration = Duration::from_millis(340);

/// From the guest's first heartbeat on the destination until the migrate call returns.
pub(super) const FINISH: Duration = Duration::from_millis(200);

/// A rate in tc's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    bits_per_s: u64,
}

impl Rate {
    /// Reads `1gbit`, `200mbit`; none if it is neither.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (digits, unit) = match text.strip_suffix("gbit") {
            Some(digits) => (digits, 1_000_000_000),
            None => (text.strip_suffix("mbit")?, 1_000_000),
        };
        let bits_per_s = digits.parse::<u64>().ok()?.checked_mul(unit)?;
        (bits_per_s > 0).then_some(Self { bits_per_s })
    }

    /// TCP's bandwidth at that rate, bytes/s: tbf counts whole frames.
    #[must_use]
    pub const fn payload_bytes_per_s(self) -> u64 {
        self.bits_per_s / 8 / FRAME_BYTES * SEGMENT_BYTES
    }
}

/// The test bed's link at that rate.
#[must_use]
pub fn rig_link(rate: Rate) -> plant::Link {
    plant::Link::new(rate.payload_bytes_per_s())
}

/// QEMU 10.0 and libvirt 11.3 on the test bed, behind that link, with a guest under KVM or emulated.
#[must_use]
pub fn rig_qemu(rate: Rate, kvm: bool) -> plant::Qemu {
    let in_pipe = IN_PIPE_BYTES as f64 / rate.payload_bytes_per_s() as f64;
    let fixed = if kvm { KVM_FIXED_PAUSE } else { FIXED_PAUSE };
    plant::Qemu {
        setup: if kvm { KVM_SETUP } else { SETUP },
        fixed_pause: fixed + Duration::from_secs_f64(in_pipe),
        ..plant::Qemu::default()
    }
}

#[cfg(test)]
mod tests {
    use super::Rate;

    #[test]
    fn a_rate_is_what_tc_calls_one() {
        let payload = |text| Rate::parse(text).map(Rate::payload_bytes_per_s);
        // 113 to 117 MiB/s were seen at 1 Gbit/s: 119.5 MB/s are 114.
        assert_eq!(payload("1gbit").map(|rate| rate >> 20), Some(114));
        assert_eq!(payload("500mbit").map(|rate| rate / 100_000), Some(597));
        for text in ["", "0mbit", "mbit", "fast", "99999999999gbit"] {
            assert_eq!(payload(text), None, "{text}");
        }
    }
}
