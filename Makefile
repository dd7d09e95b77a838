# The commands of the README. Everything they need is installed by `tests/rig/rig deps`.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.PHONY: all deps build pages install check lint test rig-test modular clients thorough demo bench virsh-cases fuzz miri interleavings \
    sanitize campaign endurance mutants

# Where the programs are built, and where `make install` puts them.
BUILD ?= $(or $(CARGO_TARGET_DIR),target)/release
PREFIX ?= /usr
DESTDIR ?=
# Debian's place for a package's zsh functions; the other distributions have site-functions.
ZSH_DIR ?= $(PREFIX)/share/zsh/vendor-completions
# virsh-hpc looks for its session beside itself and there (LIBEXEC in plugin/src/forward.rs).
SESSION_DIR = $(if $(filter /usr,$(PREFIX)),/usr/libexec/libvirt-hpc,$(PREFIX)/bin)

all: build

deps:
	tests/rig/rig deps --packages

build:
	cargo build --release --workspace
	$(MAKE) pages

# The man pages and completions, from the same tables as --help, by a program that `build` has built.
pages:
	'$(BUILD)/libvirt-hpc-pages' \
	    --man '$(BUILD)/pages/man' --completions '$(BUILD)/pages/completions'

# One description of what is installed where: manually, by the rig and by the packages. It installs what is
# built. packaging/etc and packaging/usr mirror the installed system; a configuration that is there is kept.
#
# The hook in libvirt's directory is a link to the program. AppArmor judges a link by what it leads to, and
# Debian's profile of libvirtd lets it execute what lies in /usr/sbin (/usr/sbin/* PUx: outside the profile), as
# it does what lies in /etc/libvirt/hooks (inside it), and nothing of a directory of ours. A link that leads nowhere, as
# while a package is removed, is passed over: libvirt 9.0 and 11.3 call only what can be executed, and no guest is
# kept from starting.
install:
	install -D -m 755 -t '$(DESTDIR)$(PREFIX)/bin' '$(BUILD)/virsh-hpc'
	install -D -m 755 -t '$(DESTDIR)$(SESSION_DIR)' '$(BUILD)/virsh-hpc-session'
	install -D -m 755 -t '$(DESTDIR)$(PREFIX)/sbin' '$(BUILD)/libvirt-hpcd' '$(BUILD)/libvirt-hpc-hook'
	install -d -m 755 '$(DESTDIR)/etc/libvirt/hooks/qemu.d'
	ln -sfT '$(PREFIX)/sbin/libvirt-hpc-hook' '$(DESTDIR)/etc/libvirt/hooks/qemu.d/50-libvirt-hpc'
	install -D -m 644 -t '$(DESTDIR)$(PREFIX)/share/libvirt-hpc' xml-schemas/policy.rng xml-schemas/migration.rng
	find '$(BUILD)/pages/man' -type f -printf '%P\n' | while read -r page; do \
	    install -D -m 644 '$(BUILD)/pages/man'/"$$page" '$(DESTDIR)$(PREFIX)/share/man'/"$$page"; done
	install -D -m 644 -t '$(DESTDIR)$(PREFIX)/share/bash-completion/completions' '$(BUILD)'/pages/completions/bash/*
	install -D -m 644 -t '$(DESTDIR)$(ZSH_DIR)' '$(BUILD)'/pages/completions/zsh/*
	install -D -m 644 -t '$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d' '$(BUILD)'/pages/completions/fish/*
	find packaging/usr -type f -printf '%P\n' | while read -r file; do \
	    install -D -m 644 "packaging/usr/$$file" '$(DESTDIR)$(PREFIX)'/"$$file"; done
	sed -i 's|=/usr/sbin/|=$(PREFIX)/sbin/|' '$(DESTDIR)$(PREFIX)'/lib/systemd/system/libvirt-hpcd.service
	find packaging/etc -type f -printf '%P\n' | while read -r file; do \
	    [ -e '$(DESTDIR)/etc'/"$$file" ] || install -D -m 644 "packaging/etc/$$file" '$(DESTDIR)/etc'/"$$file"; done
	install -d -m 755 '$(DESTDIR)/etc/libvirt-hpc/notify.d'

include packaging/packages.mk

# Shows plain virsh and virsh-hpc move the same guest between two local hosts.
demo:
	tests/rig/rig deps
	$(MAKE) build
	cargo run --release --quiet -p libvirt-hpc-tests --bin demo

# Every law on the two hosts, and the report of it. Begun again, it makes what is missing; the full set takes hours.
# 20 minutes into target/bench.md; `make bench SET=full` into docs/benchmark.md, SET=kvm into docs/benchmark-kvm.md (an hour
# and a half). BENCH=--help lists more.
SET ?= default
BENCH ?=
BENCH_RESULTS = $(or $(if $(filter full,$(SET)),docs/benchmark),$(if $(filter kvm,$(SET)),docs/benchmark-kvm),target/bench)
bench:
	tests/rig/rig deps
	cargo build --release -p libvirt-hpc-plugin -p libvirt-hpc-tests --bins
	'$(BUILD)/bench' --set '$(SET)' --results '$(BENCH_RESULTS)' $(BENCH)

# A peer's cases, by virsh and by virsh-hpc, and the page of them. CASES=--help lists more.
CASES ?=
virsh-cases:
	tests/rig/rig deps
	cargo build --release --workspace --bins
	'$(BUILD)/virsh-cases' $(CASES)

# Each reader of what others write, with made-up input for SECONDS (docs/fuzzing.md). `test` runs what was found, on stable.
SECONDS ?= 60
fuzz: deps
	fuzz/run '$(SECONDS)'

# The law's own tests, interpreted, but those that would take hours: undefined behaviour and overflow are found.
MIRI_TESTS := estimate:: guard:: law:: policy:: rate:: time:: --skip estimate::writes::tests
miri:
	rustup component add --toolchain nightly miri rust-src
	MIRIFLAGS=-Zmiri-disable-isolation cargo +nightly miri test --target-dir target/miri -p libvirt-hpc-control --lib -- $(MIRI_TESTS)

# Every order of the steps of threads that share a lock or a channel of ours. It takes a minute, and all is built once more.
interleavings:
	RUSTFLAGS='--cfg shuttle' cargo test --target-dir target/shuttle --lib -p libvirt-hpc-libvirt -p libvirt-hpc-plugin interleavings

# Leaks and races of the adapter, in front of a real daemon.
sanitize: deps
	tests/sanitize/run

# Each small change of what protects guests, which a unit test must find (docs/mutants.md): all of it, or of the lines that
# have changed since a commit, or since this branch left another. MUTANTS=--help lists more.
SINCE ?=
MUTANTS ?=
mutants:
	command -v cargo-mutants >/dev/null || cargo install --locked --debug cargo-mutants
	mkdir -p target
	$(if $(SINCE),git diff --merge-base '$(SINCE)' >target/since.diff)
	cargo mutants --output target --jobs 2 $(if $(SINCE),--in-diff target/since.diff) $(MUTANTS)

# Migrations with faults, and what must hold after each (docs/campaign.md). Begun again, it makes what is missing; ten seconds
# each. CAMPAIGN=--help lists more.
RUNS ?= 85
SEED ?= 1
CAMPAIGN ?=
campaign:
	tests/rig/rig deps
	cargo build --release --workspace --bins
	$(MAKE) pages
	'$(BUILD)/campaign' --runs '$(RUNS)' --seed '$(SEED)' $(CAMPAIGN)

# Guests to and fro for at least MOVES migrations and MINUTES, and what the agents hold meanwhile (docs/endurance.md). SIGINT ends
# it early. ENDURANCE=--help lists more.
MOVES ?= 200
MINUTES ?= 60
ENDURANCE ?=
endurance:
	tests/rig/rig deps
	cargo build --release --workspace --bins
	$(MAKE) pages
	'$(BUILD)/endurance' --moves '$(MOVES)' --minutes '$(MINUTES)' $(ENDURANCE)

# What a change must pass. What takes longer: `thorough`, `modular`, `clients`, `virsh-cases`, `bench`, `campaign`, `endurance`,
# `fuzz`, `miri`, `interleavings`, `sanitize`, `mutants`.
check: deps lint test package-test rig-test

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --all-features -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --quiet
	command -v cargo-deny >/dev/null || cargo install --locked --debug cargo-deny
	cargo deny --log-level error check licenses bans sources
	shellcheck tests/rig/rig tests/rig/host-init tests/rig/guest-init tests/rig/root-hook tests/rig/lib/* fuzz/run tests/sanitize/run

# What needs no host: the law, the plant, the grammar, the schema, the adapter, the hook.
test:
	cargo test --workspace

# What needs two hosts: real libvirt, real QEMU, real guests. One at a time: they share two cores.
# Programs and tests are built in one go: built one after the other, the crates of both would be built twice, for the tests
# want more of them.
RIG_TESTS := --release --workspace --features libvirt-hpc-tests/rig
rig-test: deb
	cargo build $(RIG_TESTS) --bins --test rig --test two_hosts
	$(MAKE) pages
	cargo test $(RIG_TESTS) --test rig -- --test-threads=1 --nocapture

# The same where libvirt is several daemons, as on Fedora and EL. Debian ships none of them: they are built once, which takes
# a quarter of an hour, so this is no part of `check`.
MODULAR_TESTS := package::modular debian_13_installs takeover::a_saturated hook_tells_the_agents \
    agent_outlives_libvirtd members_of_the_group libvirtd_killed
modular: deps deb rpm
	cargo build $(RIG_TESTS) --bins --test rig
	$(MAKE) pages
	tests/rig/rig build --modular
	packaging/rpm/host-test '$(OUT)/$(RPM)' --modular
	LIBVIRT_HPC_RIG_MODULAR=1 cargo test $(RIG_TESTS) --test rig -- \
	    --include-ignored --test-threads=1 --nocapture $(MODULAR_TESTS)

# Programs that others wrote, each with the agent and beside virsh-hpc: nova, Pacemaker, and what OpenNebula, oVirt and CloudStack
# ask of libvirt. A quarter of an hour; nova and what it needs take half a gigabyte of the cache.
clients: deps
	cargo build $(RIG_TESTS) --bins --test rig
	$(MAKE) pages
	cargo test $(RIG_TESTS) --test rig -- --test-threads=1 --nocapture --include-ignored clients::

# What takes too long for `check`: 20 moves at each longest pause, six guests at once, a host whose domains start slowly, a broken
# post-copy, a link cut for good, Debian 12's packages, a peer's cases, what libvirt 9.0 refuses, a large guest and estimates
# under KVM, the packages built twice. Three quarters of an hour.
thorough: deps reproducible
	cargo build $(RIG_TESTS) --bins --test rig
	cargo test $(RIG_TESTS) --test rig -- --test-threads=1 --nocapture --ignored --skip clients:: --skip modular::
