//! The laws that are compared, and the options of each.

/// The effect of a law on the guest besides stopping it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// The adaptive law with pre-copy alone: the others are compared with it.
    Adaptive,
    /// The same in another setting: the laws without XBZRLE are compared with the one without it.
    Variant,
    /// Another law, with pre-copy alone.
    Precopy,
    /// Another law, with the guest's processors throttled.
    Throttling,
    /// A law that may end in post-copy: shown apart.
    Postcopy,
    /// A stop at a given time: the grid that gives the oracle.
    Forced,
}

/// A law of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Law {
    /// Its name in records and tables.
    pub(super) name: &'static str,
    /// The value of `--hpc-law`, without a time scale.
    pub(super) hpc_law: &'static str,
    /// The flags that its stack adds to the migrate call.
    pub(super) options: &'static [&'static str],
    pub(super) class: Class,
    /// Whether its times were chosen for larger guests: it is also run with them scaled.
    pub(super) timed: bool,
    /// Its name in the report.
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

/// libvirt-hpc's law.
pub(super) const ADAPTIVE: &str = "adaptive";

/// The same where the guest's owner allows post-copy.
pub(super) const WITH_POSTCOPY: &str = "adaptive-or-postcopy";

/// The same without XBZRLE, which most other stacks do not enable.
pub(super) const UNCOMPRESSED: &str = "adaptive-uncompressed";

/// The same without KVM's page faults, as it is under TCG and on hosts that do not count them.
pub(super) const WITHOUT_COUNTERS: &str = "adaptive-without-counters";

/// The forced stops' common name; each is written `forced-stop=TIME`.
pub(super) const FORCED: &str = "forced-stop";

const THROTTLED: &[&str] = &["--auto-converge", "--compressed"];

/// All but the forced stops, in the order of the tables.
pub(super) const LAWS: [Law; 11] = [
    law(ADAPTIVE, "adaptive", Class::Adaptive),
    Law {
        hpc_law: ADAPTIVE,
        options: &["--hpc-compression", "no"],
        ..law(UNCOMPRESSED, "adaptive, without XBZRLE", Class::Variant)
    },
    law(
        WITHOUT_COUNTERS,
        "adaptive, without counters",
        Class::Variant,
    ),
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
            "post-copy after iteration 1",
            Class::Postcopy,
        )
    },
    Law {
        options: &["--postcopy"],
        ..law(WITH_POSTCOPY, "adaptive, or post-copy", Class::Postcopy)
    },
];

impl Law {
    /// Whether its runs are estimated beforehand: one that does what `hpc-estimate` assumes.
    #[must_use]
    pub(super) fn is_estimated(&self) -> bool {
        self.name == UNCOMPRESSED
    }

    /// Whether another stack's law enables XBZRLE.
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
