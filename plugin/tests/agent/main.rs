//! `libvirt-hpcd` as a process, without hosts: libvirt's built-in test driver has a domain and no migrations.

mod life;
mod machine;
mod service;
