//! Certificates for QEMU's TLS: one authority, and for both hosts one certificate that is a server's and a client's.

use std::fs;
use std::net::IpAddr;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::rig::Rig;

/// Where libvirt has QEMU look for them (`default_tls_x509_cert_dir`, `qemu.conf`).
pub(super) const FOLDER: &str = "/etc/pki/qemu";

/// Makes an authority, and with it a certificate for the hosts of these names and addresses; puts them into both hosts.
pub(super) fn install(rig: &Rig, names: &[&str]) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let names: Vec<_> = names.iter().map(|name| subject(name)).collect();
    let extensions = format!(
        "subjectAltName={}\nkeyUsage=digitalSignature,keyEncipherment\nextendedKeyUsage=serverAuth,clientAuth\n",
        names.join(",")
    );
    fs::write(folder.path().join("extensions"), extensions)?;
    for line in [
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=rig -keyout ca-key.pem \
         -out ca-cert.pem -addext keyUsage=keyCertSign",
        "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=host -keyout key.pem -out request.pem",
        "x509 -req -in request.pem -CA ca-cert.pem -CAkey ca-key.pem -days 2 -extfile extensions -out cert.pem",
    ] {
        let mut openssl = Command::new("openssl");
        openssl
            .args(line.split_whitespace())
            .current_dir(&folder)
            .stdin(Stdio::null());
        let output = openssl.output().context("starting openssl")?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "openssl {line}: {stderr}");
    }
    for (made, wanted) in [
        ("key", "server-key"),
        ("key", "client-key"),
        ("cert", "server-cert"),
        ("cert", "client-cert"),
    ] {
        let path = |name| folder.path().join(format!("{name}.pem"));
        fs::copy(path(made), path(wanted))?;
        rig.copy(&path(wanted), FOLDER)?;
    }
    rig.copy(&folder.path().join("ca-cert.pem"), FOLDER)
}

fn subject(name: &str) -> String {
    match name.parse::<IpAddr>() {
        Ok(address) => format!("IP:{address}"),
        Err(_) => format!("DNS:{name}"),
    }
}
