//! Typed parameters of a migration, as plain data.
//!
//! Nothing here calls libvirt, so that a command line can be parsed without loading the library.

/// One typed parameter of `virDomainMigrate3` or `virDomainMigrateToURI3`.
///
/// Source: `VIR_MIGRATE_PARAM_*` in libvirt's `include/libvirt/libvirt-domain.h`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// The field name libvirt knows, for example `bandwidth`.
    pub name: &'static str,
    /// Its value, of the type libvirt expects for that name.
    pub value: Value,
}

/// The value of a [`Parameter`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `VIR_TYPED_PARAM_INT`
    Int(i32),
    /// `VIR_TYPED_PARAM_ULLONG`
    UnsignedLong(u64),
    /// `VIR_TYPED_PARAM_STRING`
    Text(String),
    /// `VIR_TYPED_PARAM_STRING`, once for each item under the same name
    TextList(Vec<String>),
}
