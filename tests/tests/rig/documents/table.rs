//! The test's changes of the documents' commands, and the commands it does not run.

/// Names in the documents, and on the hosts.
pub(super) const SUBSTITUTIONS: [(&str, &str); 1] =
    [("qemu+ssh://other/system", "qemu+tcp://beta/system")];

/// Commands that begin so are not run by the walk through the documents, and why.
pub(super) const NOT_RUN: [(&str, &str); 9] = [
    (
        "make demo",
        "brings up the two hosts that the walk itself is on",
    ),
    ("make check", "the walk is a part of it"),
    (
        "make campaign",
        "brings up hosts of its own; a test makes a short one",
    ),
    ("make endurance", "brings up hosts of its own, for an hour"),
    (
        "cargo test -p libvirt-hpc-tests --test lease_model",
        "`make test` runs it, and the hosts have no cargo",
    ),
    (
        "dnf install ./libvirt-hpc-",
        "the hosts are Debian's; packaging/rpm/root-test installs it in a clean root",
    ),
    (
        "apt-get install libvirt-dev pkg-config",
        "for the machine that builds, where `make deps` has installed them",
    ),
    ("make build", "it has built what the package installs"),
    ("make install", "it has filled the package"),
];

/// The output that commands that begin so must have, on either stream.
pub(super) const PRINTS: [(&str, &str); 8] = [
    (
        concat!(
            "apt-get install ./libvirt-hpc_",
            env!("CARGO_PKG_VERSION"),
            "-1_amd64.deb    #"
        ),
        "Setting up libvirt-hpc",
    ),
    ("virsh-hpc migrate --live", "virsh-hpc: solver moved in "),
    (
        "virsh-hpc hpc-policy solver --mark",
        "live:\n<hpc:migration",
    ),
    (
        "virsh-hpc hpc-status solver",
        "Marked by:      domain (its own XML)",
    ),
    ("virsh-hpc hpc-adopt solver", "solver: adopted"),
    ("virsh-hpc hpc-release solver", "solver: no longer adopted"),
    ("systemctl is-active libvirt-hpcd.socket", "active"),
    ("for domain in", "virsh-hpc: solver moved in "),
];
