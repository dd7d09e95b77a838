//! `libvirt-hpcd` as a process, without hosts: libvirt's built-in test driver has a domain and no migrations.

mod life;
mod machine;
mod metrics;
#[path = "../../../hook/tests/hook/mount_namespace.rs"]
mod mount_namespace;
mod service;
