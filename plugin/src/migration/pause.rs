//! What every pause takes, however little is left to send: stopping and starting the processors, the devices' state, the
//! switchover between the hosts.

/// Of an emulated domain (TCG): measured between the heartbeats of guests of the rig (`docs/plant.md`).
const EMULATED_MS: u32 = 75;
/// Under KVM.
const KVM_MS: u32 = 75;
/// For each processor after the first.
const VCPU_MS: u32 = 1;

/// What the pause of a domain with so many processors takes with nothing left to send, ms.
#[must_use]
pub const fn fixed_ms(is_emulated: bool, vcpus: u32) -> u32 {
    let one = if is_emulated { EMULATED_MS } else { KVM_MS };
    one.saturating_add(vcpus.saturating_sub(1).saturating_mul(VCPU_MS))
}
