# The commands of the README. Everything they need is installed by `tests/rig/rig deps`.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.PHONY: all deps build install check lint test rig-test demo

# Where the programs are built, and where `make install` puts them.
BUILD ?= target/release
PREFIX ?= /usr
DESTDIR ?=
# virsh-hpc looks for its session beside itself and there (LIBEXEC in plugin/src/forward.rs).
SESSION_DIR = $(if $(filter /usr,$(PREFIX)),/usr/libexec/libvirt-hpc,$(PREFIX)/bin)

all: build

deps:
	tests/rig/rig deps

build:
	cargo build --release --workspace

# One description of what is installed where: by hand, by the rig and by the packages. It installs what is
# built. packaging/etc and packaging/usr mirror the installed system; a configuration that is there is kept.
#
# The hook is the program itself and not a link to it: AppArmor lets libvirtd execute what lies in its hooks'
# directory, and nothing of a directory of ours; and a hook that cannot run stops every guest from starting.
install:
	install -D -m 755 -t '$(DESTDIR)$(PREFIX)/bin' '$(BUILD)/virsh-hpc'
	install -D -m 755 -t '$(DESTDIR)$(SESSION_DIR)' '$(BUILD)/virsh-hpc-session'
	install -D -m 755 -t '$(DESTDIR)$(PREFIX)/sbin' '$(BUILD)/libvirt-hpcd'
	install -D -m 755 '$(BUILD)/libvirt-hpc-hook' '$(DESTDIR)/etc/libvirt/hooks/qemu.d/50-libvirt-hpc'
	install -D -m 644 -t '$(DESTDIR)$(PREFIX)/share/libvirt-hpc' xml-schemas/policy.rng xml-schemas/migration.rng
	find packaging/usr -type f -printf '%P\n' | while read -r file; do \
	    install -D -m 644 "packaging/usr/$$file" '$(DESTDIR)$(PREFIX)'/"$$file"; done
	sed -i 's|=/usr/sbin/|=$(PREFIX)/sbin/|' '$(DESTDIR)$(PREFIX)'/lib/systemd/system/libvirt-hpcd.service
	find packaging/etc -type f -printf '%P\n' | while read -r file; do \
	    [ -e '$(DESTDIR)/etc'/"$$file" ] || install -D -m 644 "packaging/etc/$$file" '$(DESTDIR)/etc'/"$$file"; done

# Shows plain virsh and virsh-hpc move the same guest between two local hosts.
demo: deps build
	cargo run --release --quiet -p libvirt-hpc-tests --bin demo

# Every test there is.
check: deps lint test rig-test

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --all-features -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --quiet
	command -v cargo-deny >/dev/null || cargo install --locked cargo-deny
	cargo deny --log-level error check licenses bans sources
	shellcheck tests/rig/rig tests/rig/host-init tests/rig/guest-init tests/rig/root-hook tests/rig/lib/*

# What needs no host: the law, the plant, the grammar, the schema, the adapter, the hook.
test:
	cargo test --workspace

# What needs two hosts: real libvirt, real QEMU, real guests. One at a time: they share two cores.
rig-test: build
	cargo test --release -p libvirt-hpc-libvirt --test two_hosts --no-run
	cargo test --release -p libvirt-hpc-tests --features rig --test rig -- --test-threads=1 --nocapture
