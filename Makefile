# The commands of the README. Everything they need is installed by `tests/rig/rig deps`.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.PHONY: all deps build check lint test rig-test demo

all: build

deps:
	tests/rig/rig deps

build:
	cargo build --release --workspace

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
	shellcheck tests/rig/rig tests/rig/lib/*

# What needs no host: the law, the plant, the grammar, the schema, the adapter, the hook.
test:
	cargo test --workspace

# What needs two hosts: real libvirt, real QEMU, real guests. One at a time: they share two cores.
rig-test: build
	cargo test --release -p libvirt-hpc-libvirt --test two_hosts --no-run
	cargo test --release -p libvirt-hpc-tests --features rig --test rig -- --test-threads=1 --nocapture
