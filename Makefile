# `make demo` and `make test` do everything on a fresh machine, set-up included. Both need root: they
# make network namespaces and use packets. Nothing leaves this machine.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# An ordinary user's has not all that root's programs are in.
export PATH := $(PATH):/usr/sbin:/sbin
CARGO ?= cargo
TARGET = $(or $(CARGO_TARGET_DIR),target)
# .cargo/config.toml names the target, so cargo's output is in a folder of that name.
RELEASE = $(TARGET)/$(shell rustc --print host-tuple)/release
# No folder of this machine gets into what it builds.
BUILD = $(CARGO) build --release --locked --config "$$(.cargo/paths)"
# A test waits for packets and daemons more than it computes.
THREADS = $(shell echo $$((4 * $$(nproc))))
SCRIPTS = $(filter-out %.rs %/previous,$(wildcard tests/packages/* tests/packages/previous/*)) tests/setup tests/binary tests/twice tests/fuzz tests/consumers tests/setup-boot tests/guests/images/build tests/guests/images/debs .ci/run .cargo/paths

.PHONY: help
help: ## Show this text
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 26

.PHONY: root
root: tools
	@if [ "$$(id -u)" != 0 ]; then echo 'This needs root (network namespaces and packets): sudo env PATH="$$PATH" HOME="$$HOME" make $(MAKECMDGOALS)' >&2; exit 1; fi

# Before anything is installed or built.
.PHONY: tools
tools:
	@command -v $(CARGO) >/dev/null || { echo "cargo is not in the PATH: install Rust 1.91 or newer, by https://rustup.rs; where a user has it, sudo keeps it so: sudo env PATH=\"\$$PATH\" HOME=\"\$$HOME\" make $(MAKECMDGOALS)" >&2; exit 1; }
	@command -v cc >/dev/null || { echo "cc is not there, which links the binary: apt-get install gcc libc6-dev" >&2; exit 1; }

.PHONY: setup
setup: root ## Install what the demo and the tests need, and is missing (apt)
	@tests/setup

.PHONY: build
build: tools ## Build the static binary: target/release/eniroute
	@$(BUILD)
	@mkdir -p $(TARGET)/release
	@install -m 755 $(RELEASE)/eniroute $(TARGET)/release/eniroute

# Where the files go, for packages and by hand alike: `make install PREFIX=/usr/local`. Packages set what their release has
# elsewhere. BINARY=FILE installs one that is built already.
DESTDIR ?=
PREFIX ?= /usr
BINARY ?= $(RELEASE)/eniroute
sbindir ?= $(PREFIX)/sbin
sysconfdir ?= /etc
unitdir ?= $(if $(filter /usr,$(PREFIX)),/usr/lib/systemd/system,$(sysconfdir)/systemd/system)
rulesdir ?= $(if $(filter /usr,$(PREFIX)),/usr/lib/udev/rules.d,$(sysconfdir)/udev/rules.d)
mandir ?= $(PREFIX)/share/man
bashdir ?= $(PREFIX)/share/bash-completion/completions
zshdir ?= $(PREFIX)/share/zsh/site-functions
fishdir ?= $(PREFIX)/share/fish/vendor_completions.d
docdir ?= $(PREFIX)/share/doc/eniroute

.PHONY: install
install: ## Install the binary, units, udev rule, man pages, completions and docs: DESTDIR= PREFIX=/usr
	@test -e "$(BINARY)" || { echo "$(BINARY) is not there: make build" >&2; exit 1; }
	install -D -m 755 "$(BINARY)" "$(DESTDIR)$(sbindir)/eniroute"
	install -d "$(DESTDIR)$(unitdir)" "$(DESTDIR)$(rulesdir)"
	install -m 644 system/*.service system/*.timer system/*.socket "$(DESTDIR)$(unitdir)/"
	install -D -m 644 -t "$(DESTDIR)$(unitdir)/nftables.service.d" system/nftables.service.d/eniroute.conf
	install -m 644 system/99-eniroute.rules "$(DESTDIR)$(rulesdir)/"
	sed -i 's|/usr/sbin/eniroute|$(sbindir)/eniroute|' "$(DESTDIR)$(unitdir)"/eniroute* "$(DESTDIR)$(unitdir)"/*.d/eniroute.conf
	install -D -m 644 system/eniroute.toml "$(DESTDIR)$(sysconfdir)/eniroute.toml.example"
	install -D -m 644 -t "$(DESTDIR)$(mandir)/man8" system/eniroute.8
	install -D -m 644 -t "$(DESTDIR)$(mandir)/man5" system/eniroute.toml.5
	install -D -m 644 -t "$(DESTDIR)$(bashdir)" system/completions/eniroute
	install -D -m 644 -t "$(DESTDIR)$(zshdir)" system/completions/_eniroute
	install -D -m 644 -t "$(DESTDIR)$(fishdir)" system/completions/eniroute.fish
	install -D -m 644 -t "$(DESTDIR)$(docdir)" README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md LICENSE-MIT LICENSE-APACHE
	install -D -m 644 -t "$(DESTDIR)$(docdir)/docs" docs/*.md docs/*.json
	install -D -m 644 -t "$(DESTDIR)$(docdir)/docs/images" docs/images/*
	for file in $$(cd '$(CURDIR)' && find contrib cloud-init -type f); do install -D -m 644 "$$file" "$(DESTDIR)$(docdir)/$$file"; done

.PHONY: setup-demo
setup-demo: root
	@tests/setup demo

.PHONY: demo
demo: setup-demo build ## Watch a second ENI fail and heal in a fake VPC (root)
	@$(BUILD) --quiet --example demo
	@$(RELEASE)/examples/demo $(TARGET)/release/eniroute

.PHONY: demo-broken demo-nat demo-appliance
demo-broken: ## Watch a host break in five ways, what check says of each, and how it is mended (root)
demo-nat: ## Watch a NAT instance that chooses the public address by client (root)
demo-appliance: ## Watch an appliance behind VPC ingress routing (root)
demo-broken demo-nat demo-appliance: demo-%: setup-demo build
	@$(BUILD) --quiet --example demo
	@$(RELEASE)/examples/demo $(TARGET)/release/eniroute $*

.PHONY: lint
lint: ## Check format, lints and scripts
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --no-deps --document-private-items --locked --quiet
	shellcheck $(SCRIPTS)

# The release binary's link has one core alone: lints and tests are compiled meanwhile.
.PHONY: test compiled
test: root setup setup-packages ## Run all tests (root)
	@$(MAKE) --no-print-directory build & build=$$!; \
		$(MAKE) --no-print-directory compiled && wait $$build || { wait $$build || true; exit 1; }
	@$(MAKE) --no-print-directory packages
	tests/binary $(TARGET)/release/eniroute
	CARGO=$(CARGO) RUST_TEST_THREADS=$(THREADS) tests/twice --locked
	@tests/packages/root > /dev/null
	CARGO=$(CARGO) RUST_TEST_THREADS=$(THREADS) tests/twice --locked --test packages -- --skip cross_ --skip release_

compiled: lint
	$(CARGO) test --locked --no-run

.PHONY: unit
unit: ## Run the tests that need neither root nor a network
	$(CARGO) test --locked --lib --test unit

.PHONY: setup-pack setup-packages
setup-pack:
	@tests/packages/setup
setup-packages:
	@tests/packages/setup check

.PHONY: packages
packages: setup-pack build ## Build the .deb and the .rpm for x86_64: target/dist
	@tests/packages/build deb x86_64 $(TARGET)/release/eniroute
	@tests/packages/build rpm x86_64 $(TARGET)/release/eniroute

.PHONY: dist
dist: root packages ## Build the .deb and the .rpm for aarch64, too (root)
	@tests/packages/setup cross
	@binary=$$(tests/packages/cross) && for kind in deb rpm; do tests/packages/build $$kind aarch64 "$$binary"; done

.PHONY: test-dist
test-dist: root setup dist ## Check the packages for aarch64 and run their binary, emulated (root)
	$(CARGO) test --locked --test packages -- cross_

.PHONY: release
release: root ## Build all that is published, twice, and compare: target/release-VERSION (root); RELEASE_KEY=KEY signs
	@tests/packages/setup check cross
	@dist=$$(tests/packages/release) && ENIROUTE_DIST="$$dist" $(CARGO) test --locked --test packages

.PHONY: pages
pages: root ## Write anew what pages show of the program: the manual page, the completions, docs/, README.md (root)
	ENIROUTE_WRITE_PAGES=1 $(CARGO) test --locked --test docs -- --test-threads=1
	ENIROUTE_WRITE_PAGES=1 $(CARGO) test --locked --test netns -- --test-threads=1 explain::

.PHONY: test-boot
test-boot: root setup dist ## Boot real guests, with real reboots: minutes each (root); ARGS=trixie for some
	@tests/setup-boot
	ENIROUTE_BINARY="$(abspath $(TARGET)/release/eniroute)" $(CARGO) test --locked --test guests -- $(ARGS)

.PHONY: test-ifup
test-ifup: root setup ## Boot from network-scripts files by Red Hat's own ifup; ENIROUTE_IFUP names its folder (root)
	@test -n "$(ENIROUTE_IFUP)" || { echo "Set ENIROUTE_IFUP to a folder with initscripts' network-scripts: CONTRIBUTING.md" >&2; exit 1; }
	ENIROUTE_IFUP="$(abspath $(ENIROUTE_IFUP))" $(CARGO) test --locked --test netns -- --ignored network_scripts

.PHONY: soak
soak: root setup ## Run every cell of the matrices of faults: an hour or two (root); ARGS=CELL for some
	RUST_TEST_THREADS=$(THREADS) $(CARGO) test --locked --test soak -- --whole $(ARGS)
	$(if $(ARGS),,ENIROUTE_SEEDS=50 $(CARGO) test --locked --test netns -- whatever_ec2_has_given)
	$(if $(ARGS),,ENIROUTE_SEEDS=5000 $(CARGO) test --locked --lib -- property_tests)
	$(if $(ARGS),,@tests/fuzz)

.PHONY: fuzz
fuzz: ## Fuzz all that is read, ten targets, a minute each; ARGS="SECONDS TARGET" for more or less
	@tests/fuzz $(ARGS)

.PHONY: bench
bench: root setup build ## Measure time, requests and memory against a floor (root); ARGS=nat for a part
	@$(BUILD) --quiet --example bench
	@$(RELEASE)/examples/bench $(TARGET)/release/eniroute $(ARGS)
