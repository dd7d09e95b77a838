//! The laws that are compared, and how each is asked for.

/// What a law does to the guest beside stopping it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// This project's, by pre-copy alone: what the others are compared with.
    Ours,
    /// The same without what most others do not switch on: what those are compared with.
    Variant,
    /// Somebody else's, by pre-copy alone.
    Precopy,
    /// Somebody else's, with the guest's processors throttled.
    Throttling,
    /// It ends in post-copy, or may: shown apart.
    Postcopy,
    /// A stop at a given time: the grid that gives the oracle.
    Forced,
}

/// A law of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Law {
    /// Its name in records and tables.
    pub(super) name: &'static str,
    /// What `--hpc-law` is given, without a time scale.
    pub(super) hpc_law: &'static str,
    /// What its stack gives the migrate call beside.
    pub(super) options: &'static [&'static str],
    /// What it does.
    pub(super) class: Class,
    /// Whether its times were chosen for bigger guests: it is also run with them scaled.
    pub(super) timed: bool,
    /// As the report calls it.
    pub(super) title: &'static str,
}

const fn law(name: &'static str, title: &'static str, class: Class) -> Law {
    Law {
        name,
        hpc_law: name,
        options: &[],
        class,
        timed: false,
        title,
    }
}

/// The law of this project.
pub(super) const OURS: &str = "adaptive";

/// The same where the guest's owner allows post-copy.
pub(super) const OURS_OR_POSTCOPY: &str = "adaptive-or-postcopy";

/// The same without XBZRLE, which most of the others do not switch on.
pub(super) const OURS_UNCOMPRESSED: &str = "adaptive-uncompressed";

/// The forced stops' common name; each is written `forced-stop=TIME`.
pub(super) const FORCED: &str = "forced-stop";

const THROTTLED: &[&str] = &["--auto-converge", "--compressed"];

/// All but the forced stops, in the order of the tables.
pub(super) const LAWS: [Law; 10] = [
    law(OURS, "ours", Class::Ours),
    Law {
        hpc_law: OURS,
        options: &["--hpc-compression", "no"],
        ..law(OURS_UNCOMPRESSED, "ours, without XBZRLE", Class::Variant)
    },
    law("stock", "stock", Class::Precopy),
    Law {
        hpc_law: "stock",
        options: &["--auto-converge"],
        ..law("auto-converge", "auto-converge", Class::Throttling)
    },
    Law {
        timed: true,
        options: THROTTLED,
        ..law(
            "ovirt-suspend",
            "oVirt, suspend workload",
            Class::Throttling,
        )
    },
    Law {
        timed: true,
        options: THROTTLED,
        ..law("proxmox", "Proxmox", Class::Throttling)
    },
    Law {
        timed: true,
        ..law("vep-291", "KubeVirt VEP 291", Class::Precopy)
    },
    Law {
        timed: true,
        ..law("vep-248", "KubeVirt VEP 248", Class::Precopy)
    },
    Law {
        options: &["--postcopy"],
        ..law(
            "postcopy-after-round-one",
            "post-copy after round one",
            Class::Postcopy,
        )
    },
    Law {
        options: &["--postcopy"],
        ..law(OURS_OR_POSTCOPY, "ours, or post-copy", Class::Postcopy)
    },
];

impl Law {
    /// Whether somebody else's law has XBZRLE switched on.
    #[must_use]
    pub(super) fn compresses(&self) -> bool {
        self.options.contains(&"--compressed")
    }
}

/// The law of that name; a forced stop's is [`FORCED`].
#[must_use]
pub(super) fn find(name: &str) -> Option<Law> {
    if name == FORCED {
        return Some(law(FORCED, "forced stop", Class::Forced));
    }
    LAWS.into_iter().find(|law| law.name == name)
}
