//! The devices of a domain.

use crate::attributes::Attributes;
use crate::cursor::{Cursor, Token};
use crate::report::{PolicyError, Warnings};

/// A device has its own element here.
const DEVICES: [&str; 2] = ["domain", "devices"];

/// The buses whose devices QEMU stops, saves and starts one by one, as the `type` of an `<address>` names them. What hangs on
/// one of them, such as a disk on a SCSI controller or a port on a serial one, is part of its state.
const BUSES: [&str; 3] = ["pci", "ccw", "virtio-mmio"];

/// How many devices of a running domain are on a bus of the machine's own; bridges between buses do not count. None of an
/// unreadable document.
#[must_use]
pub fn device_count(domain: &str) -> u32 {
    count(domain).unwrap_or(0)
}

fn count(domain: &str) -> Result<u32, PolicyError> {
    let mut cursor = Cursor::new(domain.as_bytes())?;
    let mut path: Vec<String> = Vec::new();
    let (mut count, mut is_bridge) = (0_u32, false);
    loop {
        match cursor.next()? {
            Token::Open(_, start) => {
                path.push(start.local_name().as_ref().to_owned());
                let known = ["type"];
                let attributes =
                    Attributes::read(&cursor, &start, &known, &mut Warnings::default())?;
                let kind = attributes.optional("type");
                match path.strip_prefix(DEVICES.map(str::to_owned).as_slice()) {
                    Some([device]) => {
                        is_bridge = device == "controller" && kind == Some("pci");
                    }
                    Some([_, address]) if address == "address" => {
                        let counts = !is_bridge && kind.is_some_and(|kind| BUSES.contains(&kind));
                        count += u32::from(counts);
                    }
                    _ => {}
                }
            }
            Token::Close => drop(path.pop()),
            Token::Text => {}
            Token::End => return Ok(count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::device_count;

    #[test]
    fn devices_on_the_machines_own_buses_count() {
        let domain =
            |inner: &str| format!("<domain type='kvm'><devices>{inner}</devices></domain>");
        for (inner, devices) in [
            ("", 0),
            ("<emulator>/usr/bin/qemu-system-x86_64</emulator>", 0),
            ("<input type='mouse' bus='ps2'/>", 0),
            (
                "<interface type='network'><address type='pci' slot='0x02'/></interface>",
                1,
            ),
            (
                "<disk type='file'><address type='ccw' cssid='0xfe'/></disk>",
                1,
            ),
            (
                "<controller type='pci' model='pcie-root-port'><address type='pci'/></controller>",
                0,
            ),
            (
                "<controller type='scsi'><address type='pci'/></controller><disk><address type='drive'/></disk>",
                1,
            ),
            (
                "<hostdev type='pci'><source><address type='pci'/></source><address type='pci'/></hostdev>",
                1,
            ),
        ] {
            assert_eq!(device_count(&domain(inner)), devices, "{inner}");
        }
        for unreadable in [
            "",
            "no xml",
            "<domain><devices>",
            "<devices><disk><address type='pci'/>",
        ] {
            assert_eq!(device_count(unreadable), 0, "{unreadable}");
        }
    }
}
