//! The migrate call.

use std::ffi::CString;

use crate::connect::Connection;
use crate::domain::Domain;
use crate::error::{Error, Named, c_string};
use crate::ffi::{self, Params};
use crate::parameter::{Parameter, Value};
use crate::stats::Field;

/// The destination, and the connections to it.
#[derive(Clone, Copy, Debug)]
pub enum Destination<'a> {
    /// This client talks to both daemons: `virDomainMigrate3`. Dies with the client.
    Managed(&'a Connection),
    /// The source's daemon talks to the destination (flag `VIR_MIGRATE_PEER2PEER`, `uri` as seen from
    /// the source), or the hypervisor does without it: `virDomainMigrateToURI3`.
    Uri(&'a str),
}

/// Migrates `domain` and blocks until that has ended; `flags` are `virDomainMigrateFlags`.
///
/// To be called on a thread of its own, with a connection of its own.
///
/// Gives the domain at the destination if this client is connected to it.
///
/// # Errors
/// When a text holds a NUL byte, libvirt does not know a parameter, or the migration fails or is aborted
/// ([`Error::is_aborted`]).
pub fn migrate(
    domain: &Domain,
    destination: Destination<'_>,
    flags: u32,
    parameters: &[Parameter],
) -> Result<Option<Domain>, Error> {
    let params = build(domain.name(), parameters)?;
    let handle = domain.handle();
    match destination {
        Destination::Managed(connection) => {
            let arrived = ffi::migrate(handle, connection.handle(), &params, flags)
                .named("virDomainMigrate3", Some(domain.name()))?;
            Domain::new(connection, arrived).map(Some)
        }
        Destination::Uri(uri) => {
            let uri = c_string("the destination URI", uri)?;
            ffi::migrate_to_uri(handle, &uri, &params, flags)
                .named("virDomainMigrateToURI3", Some(domain.name()))?;
            Ok(None)
        }
    }
}

/// What [`migrate`] gives libvirt for `parameters`, read back from libvirt's array.
///
/// # Errors
/// When a text holds a NUL byte, or libvirt has no room for a name.
pub fn fields(parameters: &[Parameter]) -> Result<Vec<Field>, Error> {
    build("none", parameters).map(|params| params.fields())
}

/// `parameters` as libvirt's array.
fn build(domain: &str, parameters: &[Parameter]) -> Result<Params, Error> {
    let mut params = Params::new().named("virInitialize", Some(domain))?;
    for Parameter { name, value } in parameters {
        let key = c_string("the name of a migration parameter", name)?;
        let text = |text: &String| c_string(&format!("migration parameter {name}"), text);
        match value {
            Value::Int(value) => params.add_int(&key, *value),
            Value::UnsignedLong(value) => params.add_ullong(&key, *value),
            Value::Text(value) => params.add_string(&key, &text(value)?),
            Value::TextList(values) => {
                let values: Vec<CString> = values.iter().map(text).collect::<Result<_, _>>()?;
                values
                    .iter()
                    .try_for_each(|value| params.add_string(&key, value))
            }
        }
        .named("virTypedParamsAdd", Some(domain))?;
    }
    Ok(params)
}

#[cfg(test)]
mod tests {
    use super::build;
    use crate::error::Error;
    use crate::parameter::{Parameter, Value};
    use crate::stats::FieldValue;

    fn text(value: &str) -> Parameter {
        Parameter {
            name: "migrate_uri",
            value: Value::Text(value.to_owned()),
        }
    }

    #[test]
    fn every_type_arrives_in_order_and_unknown_names_are_libvirts_to_judge() {
        let parameters = [
            Parameter {
                name: "bandwidth",
                value: Value::UnsignedLong(u64::MAX),
            },
            Parameter {
                name: "disks_port",
                value: Value::Int(-1),
            },
            text("tcp://\u{e9}\n<&>'\"%s%n"),
            text(""),
            Parameter {
                name: "migrate_disks",
                value: Value::TextList(vec!["vda".to_owned(), "vdb".to_owned()]),
            },
            Parameter {
                name: "compression",
                value: Value::TextList(Vec::new()),
            },
            Parameter {
                name: "of_libvirt_99",
                value: Value::Int(1),
            },
        ];
        let field = |name: &str, value| (name.to_owned(), value);
        let string = |value: &str| FieldValue::Text(value.to_owned());
        let expected = vec![
            field("bandwidth", FieldValue::UnsignedLong(u64::MAX)),
            field("disks_port", FieldValue::Int(-1)),
            field("migrate_uri", string("tcp://\u{e9}\n<&>'\"%s%n")),
            field("migrate_uri", string("")),
            field("migrate_disks", string("vda")),
            field("migrate_disks", string("vdb")),
            field("of_libvirt_99", FieldValue::Int(1)),
        ];
        let params = build("guest", &parameters).expect("libvirt takes all of them");
        assert_eq!(params.fields(), expected);
    }

    #[test]
    fn a_long_text_arrives_whole() {
        let long = "x".repeat(1 << 20);
        let params = build("guest", &[text(&long)]).expect("libvirt has no bound");
        assert_eq!(params.fields()[0].1, FieldValue::Text(long));
    }

    #[test]
    fn a_nul_byte_is_refused_by_name() {
        let error = build("guest", &[text("tcp://a\0b")])
            .err()
            .expect("no C string holds NUL");
        assert!(matches!(error, Error::NulByte { .. }));
        assert!(error.to_string().contains("migrate_uri"), "{error}");
        let parameters = [Parameter {
            name: "migrate_disks",
            value: Value::TextList(vec!["\0".to_owned()]),
        }];
        assert!(matches!(
            build("guest", &parameters),
            Err(Error::NulByte { .. })
        ));
    }

    #[test]
    fn a_name_longer_than_libvirts_field_is_an_error() {
        const LONG: &str = "a_name_that_is_longer_than_the_eighty_characters_that_libvirt_has_room_for_in_a_typed_parameter";
        crate::init::init().expect("silences libvirt");
        let error = build(
            "guest",
            &[Parameter {
                name: LONG,
                value: Value::Int(1),
            }],
        )
        .err()
        .expect("libvirt refuses it");
        assert!(
            error
                .to_string()
                .contains("virTypedParamsAdd on domain 'guest'"),
            "{error}"
        );
    }
}
