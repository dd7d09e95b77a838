# The packages: included by the Makefile. Everything is made in target/package; docs/release.md says how they are
# released.
# deb and rpm are made in one copy of the tree.
.NOTPARALLEL:
.PHONY: stage shipped deb rpm sbom third-party package-test lint-packages reproducible rpm-test

VERSION := $(shell sed -n '/^\[workspace.package\]/,/^$$/s/^version = "\(.*\)"/\1/p' Cargo.toml)
OUT := $(CURDIR)/target/package
STAGE := $(OUT)/source/libvirt-hpc-$(VERSION)
DEB := libvirt-hpc_$(VERSION)-1_amd64
RPM := libvirt-hpc-$(VERSION)-1.x86_64.rpm
# Its own, because the flags of `shipped` would make cargo build everything in target/release anew.
PACKAGE_TARGET := $(or $(CARGO_TARGET_DIR),$(OUT)/cargo)
CARGO_HOME ?= $(HOME)/.cargo
# Of all that is dated; what dpkg-buildpackage takes by itself.
EPOCH = $(shell date -d "$$(sed -n 's/^ -- .*>  //p;T;q' packaging/deb/changelog)" +%s)

# What debian/rules and the spec call: the programs that are installed, from the versions in Cargo.lock, and
# without a path of the machine that builds them. rpmbuild sets PKG_CONFIG_PATH, dpkg-buildpackage does not:
# for cargo that is a reason to build anew.
shipped: export RUSTFLAGS = --remap-path-prefix=$(CURDIR)=/libvirt-hpc \
    --remap-path-prefix=$(CARGO_HOME)=/cargo --remap-path-prefix=$(or $(CARGO_TARGET_DIR),$(CURDIR)/target)=/target
shipped:
	env -u PKG_CONFIG_PATH \
	    cargo build --release --locked -p libvirt-hpc-plugin -p libvirt-hpc-hook -p libvirt-hpc-pages
	env -u PKG_CONFIG_PATH $(MAKE) pages

# A copy of the tree in which the tools may write. dpkg-buildpackage wants its directory at the top.
stage:
	rm -rf '$(OUT)/source'
	mkdir -p '$(STAGE)'
	tar -c --mode=u=rwX,go=rX --exclude=./target --exclude=./.git . | tar -x -p -C '$(STAGE)'
	mv '$(STAGE)/packaging/deb' '$(STAGE)/debian'

# Only the binary package: a source package would have to carry the crates.
deb: stage
	cd '$(STAGE)' && CARGO_TARGET_DIR='$(PACKAGE_TARGET)' dpkg-buildpackage --build=binary -us -uc
	cp -p '$(OUT)/source/$(DEB)'.{deb,changes,buildinfo} '$(OUT)'

# --nodeps: the spec's build dependencies are Fedora's and EL's. The macros make the same bytes of the same tree.
rpm: stage
	cd '$(STAGE)' && SOURCE_DATE_EPOCH=$(EPOCH) CARGO_TARGET_DIR='$(PACKAGE_TARGET)' \
	    rpmbuild -bb --build-in-place --nodeps --quiet packaging/rpm/libvirt-hpc.spec \
	    --define '_topdir $(OUT)/source/rpm' --define '_rpmdir $(OUT)' --define '_build_name_fmt $(RPM)' \
	    --define '_buildhost localhost' --define 'use_source_date_epoch_as_buildtime 1' \
	    --define 'clamp_mtime_to_source_date_epoch 1' --define '_binary_payload w19.zstdio'

# Of the crate that depends on all others which are installed. cargo-cyclonedx names a crate of ours by its path.
sbom: stage
	command -v cargo-cyclonedx >/dev/null || cargo install --locked cargo-cyclonedx@0.5.9
	cd '$(STAGE)' && SOURCE_DATE_EPOCH=$(EPOCH) cargo cyclonedx --quiet --format json --spec-version 1.5 \
	    --manifest-path plugin/Cargo.toml --override-filename bom
	sed 's|path+file://$(STAGE)|path+file:///libvirt-hpc-$(VERSION)|' '$(STAGE)/plugin/bom.json' \
	    >'$(OUT)/libvirt-hpc-$(VERSION).cdx.json'

# The licences of the crates that are linked in: made again whenever `lint-packages` says that one is missing.
third-party:
	command -v cargo-about >/dev/null || cargo install --locked --features cli cargo-about@0.9.3
	cargo about generate --locked --manifest-path plugin/Cargo.toml --config packaging/about.toml \
	    --output-file packaging/THIRD-PARTY packaging/about.hbs

package-test: lint-packages rpm-test

lint-packages: deb rpm
	packaging/lint '$(VERSION)' '$(OUT)/$(DEB).changes' '$(OUT)/$(RPM)'

reproducible: deb rpm
	packaging/reproducible '$(OUT)/$(DEB).deb' '$(OUT)/$(RPM)'

rpm-test: rpm
	tests/rig/rig build
	packaging/rpm/root-test '$(OUT)/$(RPM)'
	packaging/rpm/host-test '$(OUT)/$(RPM)'
