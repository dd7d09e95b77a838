//! The XML documents of `--xml` and `--persistent-xml`.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use libvirt_hpc_libvirt::parameter::{Parameter, Value};
use libvirt_hpc_xml_schemas as xml;

use crate::flags::MigrateRequest;

/// The largest XML file virsh reads (`VSH_MAX_XML_FILE`, `tools/vsh.h`), bytes.
const DOCUMENT_MAX_BYTES: u64 = 10 * 1024 * 1024;

const DESTINATION_XML: &str = "destination_xml";
const PERSISTENT_XML: &str = "persistent_xml";

/// The documents; none if one cannot be read, which is virsh's to say.
pub(super) fn read(request: &MigrateRequest) -> Option<Vec<Parameter>> {
    let named = [
        (DESTINATION_XML, &request.xml_file),
        (PERSISTENT_XML, &request.persistent_xml_file),
    ];
    let given = named
        .into_iter()
        .filter_map(|(name, file)| Some((name, file.as_deref()?)));
    given
        .map(|(name, file)| {
            Some(Parameter {
                name,
                value: Value::Text(document(file)?),
            })
        })
        .collect()
}

fn document(file: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(file)
        .ok()?
        .take(DOCUMENT_MAX_BYTES + 1)
        .read_to_string(&mut text)
        .ok()?;
    (text.len() as u64 <= DOCUMENT_MAX_BYTES).then_some(text)
}

/// What to say where a document of the user's has no mark: it replaces the definition of the marked domain `name` on
/// the destination, and it is not for virsh-hpc to change it.
pub(super) fn marks_lost(name: &str, documents: &[Parameter]) -> Vec<String> {
    let lost = documents.iter().filter_map(|document| {
        let Value::Text(text) = &document.value else {
            return None;
        };
        let (option, becomes, flag) = match document.name {
            PERSISTENT_XML => ("--persistent-xml", "the defined domain", "--config"),
            _ => ("--xml", "the running domain", "--live"),
        };
        let why = match xml::read_domain(text.as_bytes()) {
            Ok(reading) if reading.policy.is_some() => return None,
            Ok(_) => "has no mark".to_owned(),
            Err(error) => format!("has a mark or a policy that cannot be read ({error})"),
        };
        Some(format!(
            "the document of {option} {why}: on the destination, later migrations of {becomes} will not be controlled as \
             those of {name} are. Copy the <metadata> of virsh dumpxml {name} into it, or mark the domain there afterwards: \
             virsh-hpc hpc-policy {name} --mark {flag}"
        ))
    });
    lost.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_without_the_mark_is_told_before_it_replaces_the_domain() {
        let domain =
            |metadata: &str| format!("<domain type='kvm'><name>vm</name>{metadata}</domain>");
        let mark = format!(
            "<metadata><x:migration xmlns:x='{}'/></metadata>",
            xml::NAMESPACE
        );
        let document = |name, text: &str| Parameter {
            name,
            value: Value::Text(text.to_owned()),
        };
        let said = |name, text: &str| marks_lost("vm", &[document(name, text)]);
        let (bare, marked) = (domain(""), domain(&mark));
        assert_eq!(said(DESTINATION_XML, &marked), Vec::<String>::new());
        for (name, option, flag) in [
            (DESTINATION_XML, "--xml has no mark", "--live"),
            (PERSISTENT_XML, "--persistent-xml has no mark", "--config"),
        ] {
            let said = said(name, &bare);
            assert!(
                said.len() == 1 && said[0].contains(option) && said[0].ends_with(flag),
                "{said:?}"
            );
        }
        let broken = domain(&mark.replace("/>", "><x:downtime max='soon'/></x:migration>"));
        assert!(said(DESTINATION_XML, &broken)[0].contains("soon"));
        let both = [
            document(DESTINATION_XML, &marked),
            document(PERSISTENT_XML, &bare),
        ];
        assert_eq!(marks_lost("vm", &both).len(), 1);
    }

    #[test]
    fn a_document_that_cannot_be_read_is_virshs_to_refuse() {
        let with = |file: &str| MigrateRequest {
            xml_file: Some(file.into()),
            ..MigrateRequest::default()
        };
        assert_eq!(read(&with("/nonexistent/file.xml")), None);
        assert_eq!(read(&MigrateRequest::default()), Some(Vec::new()));
    }
}
