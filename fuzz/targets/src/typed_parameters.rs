//! libvirt's typed parameters: what is given to the migrate call, in libvirt's own array and read back from it.
//!
//! * Each value arrives under its name, in order, a list as its items; only a text with a NUL byte is refused.

use arbitrary::{Arbitrary, Result, Unstructured};
use libvirt_hpc_libvirt::Error;
use libvirt_hpc_libvirt::migrate::fields;
use libvirt_hpc_libvirt::parameter::{Parameter, Value};
use libvirt_hpc_libvirt::stats::{Field, FieldValue};

/// The most parameters of one call.
const MOST: usize = 32;

/// Some of libvirt's names, the longest that it has room for, and none.
const NAMES: [&str; 6] = [
    "migrate_uri",
    "bandwidth",
    "migrate_disks",
    "compression.mt.level",
    "a_name_as_long_as_libvirt_has_room_for_in_a_typed_parameter_which_is_79_charact",
    "",
];

/// Gives libvirt the parameters that `data` makes.
pub fn run(data: &[u8]) {
    let parameters = parameters(&mut Unstructured::new(data)).unwrap_or_default();
    match fields(&parameters) {
        Ok(found) => {
            let expected: Vec<Field> = parameters.iter().flat_map(expected).collect();
            assert_eq!(found, expected);
        }
        Err(Error::NulByte { what }) => {
            assert!(what.contains("migration parameter"));
            let has_nul = |parameter: &Parameter| texts(parameter).any(|text| text.contains('\0'));
            assert!(parameters.iter().any(has_nul));
        }
        Err(error) => panic!("{error}"),
    }
}

fn parameters(input: &mut Unstructured<'_>) -> Result<Vec<Parameter>> {
    let mut parameters = Vec::new();
    while !input.is_empty() && parameters.len() < MOST {
        parameters.push(Parameter {
            name: input.choose(&NAMES)?,
            value: value(input)?,
        });
    }
    Ok(parameters)
}

fn value(input: &mut Unstructured<'_>) -> Result<Value> {
    Ok(match input.int_in_range(0..=3)? {
        0 => Value::Int(i32::arbitrary(input)?),
        1 => Value::UnsignedLong(u64::arbitrary(input)?),
        2 => Value::Text(String::arbitrary(input)?),
        _ => Value::TextList(Vec::arbitrary(input)?),
    })
}

fn texts(parameter: &Parameter) -> impl Iterator<Item = &String> {
    let texts = match &parameter.value {
        Value::Text(text) => std::slice::from_ref(text),
        Value::TextList(texts) => texts,
        Value::Int(_) | Value::UnsignedLong(_) => &[],
    };
    texts.iter()
}

fn expected(parameter: &Parameter) -> Vec<Field> {
    let field = |value| (parameter.name.to_owned(), value);
    match &parameter.value {
        Value::Int(value) => vec![field(FieldValue::Int(*value))],
        Value::UnsignedLong(value) => vec![field(FieldValue::UnsignedLong(*value))],
        Value::Text(_) | Value::TextList(_) => texts(parameter)
            .map(|text| field(FieldValue::Text(text.clone())))
            .collect(),
    }
}
