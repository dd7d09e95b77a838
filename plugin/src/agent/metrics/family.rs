//! How each family of metrics is named and made known.

use prometheus::core::Collector;
use prometheus::{Opts, Registry, Result};

/// The beginning of every name.
const PREFIX: &str = "libvirt_hpc";

/// Of that name after the prefix.
pub(super) fn opts(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace(PREFIX)
}

/// Makes `family` known to `registry`.
///
/// # Errors
/// The family's own, or a name that is none or is taken.
pub(super) fn register<C: Collector + Clone + 'static>(
    registry: &Registry,
    family: Result<C>,
) -> Result<C> {
    let family = family?;
    registry.register(Box::new(family.clone()))?;
    Ok(family)
}
