//! What in a domain's XML matters to its migration, beside the policy.

use quick_xml::events::BytesStart;

use crate::attributes::Attributes;
use crate::cursor::{Cursor, Token};
use crate::report::{PolicyError, Warnings};

/// The most disks, and host devices, that are told apart: an answer must be finite for any document.
const MAX_DEVICES: usize = 256;

/// Where a disk's data is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DiskSource {
    /// A file or block device of the host, by its path.
    Path(String),
    /// Elsewhere: on the network, in a pool, or nowhere (an empty drive).
    #[default]
    Elsewhere,
}

/// A disk that the guest can write to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disk {
    /// Its name in the guest, as `vda`.
    pub target: String,
    /// Where its data is.
    pub source: DiskSource,
}

/// A device of the host that the guest has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostDevice {
    /// `type='pci'` or `'mdev'`: through VFIO.
    Vfio,
    /// Any other: USB, SCSI, a character device.
    Other,
}

/// How the domain names its processor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CpuMode {
    /// Not at all, or a model.
    #[default]
    Model,
    /// `host-passthrough`: whatever the host has.
    HostPassthrough,
}

/// What matters to a migration in a domain's XML.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traits {
    /// The architecture, `<type arch=…>`.
    pub arch: Option<String>,
    /// The machine type.
    pub machine: Option<String>,
    /// `<domain type=…>`: `kvm`, `qemu`.
    pub virt_type: Option<String>,
    /// The processor's mode.
    pub cpu_mode: CpuMode,
    /// The `<cpu>` element as it stands, for libvirt to compare.
    pub cpu_element: Option<String>,
    /// The disks that are neither read-only nor shareable.
    pub disks: Vec<Disk>,
    /// The devices of the host.
    pub host_devices: Vec<HostDevice>,
    /// `<filesystem>`: a folder of the host's, by virtiofs or 9p.
    pub filesystems: bool,
    /// `<memoryBacking><locked/>`.
    pub locked: bool,
    /// `<memtune><hard_limit>`.
    pub hard_limit: bool,
    /// `<features><kvm><dirty-ring>`.
    pub dirty_ring: bool,
    /// `<launchSecurity>`: SEV, SEV-SNP, TDX.
    pub launch_security: bool,
}

impl Traits {
    /// Reads them.
    ///
    /// # Errors
    /// A document that cannot be read, with its line.
    pub fn read(domain: &str) -> Result<Self, PolicyError> {
        let mut cursor = Cursor::new(domain.as_bytes())?;
        let mut walk = Walk {
            traits: Self {
                cpu_element: element(domain, "cpu"),
                ..Self::default()
            },
            ..Walk::default()
        };
        loop {
            match cursor.next()? {
                Token::Open(_, start) => walk.open(&cursor, &start)?,
                Token::Close => walk.close(),
                Token::Text => {}
                Token::End => return Ok(walk.traits),
            }
        }
    }
}

/// A disk under way.
#[derive(Debug, Default)]
struct OpenDisk {
    disk: Disk,
    is_medium: bool,
    spared: bool,
}

#[derive(Debug, Default)]
struct Walk {
    traits: Traits,
    path: Vec<String>,
    disk: OpenDisk,
}

impl Walk {
    fn open(&mut self, cursor: &Cursor<'_>, start: &BytesStart<'_>) -> Result<(), PolicyError> {
        self.path.push(start.local_name().as_ref().to_owned());
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        let value = |name: &'static str| -> Result<Option<String>, PolicyError> {
            let read = Attributes::read(cursor, start, &[name], &mut Warnings::default())?;
            Ok(read.optional(name).map(str::to_owned))
        };
        let traits = &mut self.traits;
        match path.as_slice() {
            ["domain"] => traits.virt_type = value("type")?,
            ["domain", "os", "type"] => {
                traits.arch = value("arch")?;
                traits.machine = value("machine")?;
            }
            ["domain", "cpu"] if value("mode")?.as_deref() == Some("host-passthrough") => {
                traits.cpu_mode = CpuMode::HostPassthrough;
            }
            ["domain", "memoryBacking", "locked"] => traits.locked = true,
            ["domain", "memtune", "hard_limit"] => traits.hard_limit = true,
            ["domain", "features", "kvm", "dirty-ring"] => {
                traits.dirty_ring = value("state")?.as_deref() != Some("off");
            }
            ["domain", "launchSecurity"] => traits.launch_security = true,
            ["domain", "devices", "filesystem"] => traits.filesystems = true,
            ["domain", "devices", "hostdev"] => {
                let vfio = matches!(value("type")?.as_deref(), Some("pci" | "mdev"));
                self.host_device(if vfio {
                    HostDevice::Vfio
                } else {
                    HostDevice::Other
                });
            }
            ["domain", "devices", "interface"] if value("type")?.as_deref() == Some("hostdev") => {
                self.host_device(HostDevice::Vfio);
            }
            ["domain", "devices", "disk"] => {
                let device = value("device")?;
                self.disk = OpenDisk {
                    is_medium: matches!(device.as_deref(), Some("cdrom" | "floppy")),
                    ..OpenDisk::default()
                };
            }
            ["domain", "devices", "disk", "source"] => {
                let path = value("file")?.or(value("dev")?);
                if let Some(path) = path {
                    self.disk.disk.source = DiskSource::Path(path);
                }
            }
            ["domain", "devices", "disk", "target"] => {
                self.disk.disk.target = value("dev")?.unwrap_or_default();
            }
            ["domain", "devices", "disk", "readonly" | "shareable"] => self.disk.spared = true,
            _ => {}
        }
        Ok(())
    }

    fn host_device(&mut self, device: HostDevice) {
        if self.traits.host_devices.len() < MAX_DEVICES {
            self.traits.host_devices.push(device);
        }
    }

    fn close(&mut self) {
        if self.path == ["domain", "devices", "disk"] {
            let OpenDisk {
                disk,
                is_medium,
                spared,
            } = std::mem::take(&mut self.disk);
            if !is_medium && !spared && self.traits.disks.len() < MAX_DEVICES {
                self.traits.disks.push(disk);
            }
        }
        self.path.pop();
    }
}

/// The first element `name` right under the root, as it stands; none if there is none. Only for documents that libvirt
/// has written: it looks for the tag as text, at the indentation of a child.
fn element(document: &str, name: &str) -> Option<String> {
    let open = format!("\n  <{name}");
    let start = document.find(&open)? + 3;
    let rest = document.get(start..)?;
    let head = rest.get(..=rest.find('>')?)?;
    if head.ends_with("/>") {
        return Some(head.to_owned());
    }
    let close = format!("</{name}>");
    let end = rest.find(&close)? + close.len();
    rest.get(..end).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(inner: &str) -> Traits {
        let domain = format!("<domain type='kvm'>\n{inner}\n</domain>");
        Traits::read(&domain).expect("a domain")
    }

    #[test]
    fn disks_that_can_be_written_are_listed_with_their_source() {
        let disks = read(
            "<devices><disk type='file' device='disk'><source file='/a.qcow2'/><target dev='vda'/></disk>\
             <disk type='block'><source dev='/dev/x'><seclabel/></source><target dev='vdb' bus='virtio'/></disk>\
             <disk type='network'><source protocol='rbd' name='p/i'/><target dev='vdc'/></disk>\
             <disk type='file'><source file='/s'/><target dev='vdd'/><shareable/></disk>\
             <disk type='file' device='cdrom'><source file='/i.iso'/><target dev='sda'/><readonly/></disk>\
             <disk type='file' device='cdrom'><target dev='sdb'/></disk></devices>",
        )
        .disks;
        let disk = |target: &str, source| Disk {
            target: target.to_owned(),
            source,
        };
        let path = |path: &str| DiskSource::Path(path.to_owned());
        let expected = [
            disk("vda", path("/a.qcow2")),
            disk("vdb", path("/dev/x")),
            disk("vdc", DiskSource::Elsewhere),
        ];
        assert_eq!(disks, expected);
    }

    #[test]
    fn devices_of_the_host_and_memory_settings_are_found_where_libvirt_has_them() {
        assert_eq!(
            read(""),
            Traits {
                virt_type: Some("kvm".to_owned()),
                ..Traits::default()
            }
        );
        let traits = read(
            "<memoryBacking><locked/></memoryBacking><memtune><hard_limit unit='KiB'>7</hard_limit></memtune>\
             <features><kvm><dirty-ring state='on' size='4096'/></kvm></features><launchSecurity type='sev'/>\
             <devices><hostdev mode='subsystem' type='pci'/><hostdev mode='subsystem' type='usb'/>\
             <interface type='hostdev'/><interface type='network'/><filesystem type='mount'/></devices>",
        );
        assert!(traits.locked && traits.hard_limit && traits.dirty_ring);
        assert!(traits.launch_security && traits.filesystems);
        use HostDevice::{Other, Vfio};
        assert_eq!(traits.host_devices, [Vfio, Other, Vfio]);
        let off = read("<features><kvm><dirty-ring state='off'/></kvm></features>");
        assert!(!off.dirty_ring);
    }

    #[test]
    fn the_processor_is_given_as_it_stands() {
        let traits = read(
            "  <os>\n    <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>\n  </os>\n\
             \x20 <cpu mode='custom' match='exact'>\n    <model>qemu64</model>\n  </cpu>",
        );
        assert_eq!(traits.arch.as_deref(), Some("x86_64"));
        assert_eq!(traits.machine.as_deref(), Some("pc-q35-7.2"));
        let expected = "<cpu mode='custom' match='exact'>\n    <model>qemu64</model>\n  </cpu>";
        assert_eq!(traits.cpu_element.as_deref(), Some(expected));
        let traits = read("  <cpu mode='host-passthrough' check='none'/>\n");
        assert_eq!(traits.cpu_mode, CpuMode::HostPassthrough);
        let expected = "<cpu mode='host-passthrough' check='none'/>";
        assert_eq!(traits.cpu_element.as_deref(), Some(expected));
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        assert!(Traits::read("<domain>").is_err());
        assert_eq!(element("<domain>\n  <cpu", "cpu"), None);
    }
}
