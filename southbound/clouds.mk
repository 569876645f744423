# The clouds of crates of their own, each tested against something real: EC2 and Compute Engine of our own on loopback, and a
# libvirtd of the tests' own with guests. Included by the top Makefile, from whose directory the paths count.
#
# The EC2 SDK takes minutes and 8 GiB to compile, so it is compiled once: clippy stands in for the compiler of our own crates,
# and what is linted is what is tested.
include $(wildcard southbound/*/lab.mk)

CLOUD_CRATES := $(patsubst southbound/%/Cargo.toml,-p southbound-%,$(wildcard southbound/*/Cargo.toml))
CLOUD_CARGO  := RUSTC_WORKSPACE_WRAPPER=clippy-driver CLIPPY_ARGS=-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__ $(CARGO)

# The service with hypervisors, and its own test of them.
CLOUD_SERVICE := -p northbound --features libvirt

.PHONY: lint-clouds test-clouds
lint-clouds: libvirt-packages
	$(CLOUD_CARGO) build --locked $(CLOUD_CRATES) $(CLOUD_SERVICE) --all-targets

test-clouds: packages libvirt-packages aws-packages gcp-packages
	@$(MAKE) --no-print-directory demo-root lab-aws lab-gcp guest
	@mkdir -p target; set -o pipefail; \
	{ $(CLOUD_CARGO) test --locked $(CLOUD_CRATES) --no-fail-fast; first=$$?; \
	  $(CLOUD_CARGO) test --locked $(CLOUD_SERVICE) --test libvirt && [ $$first = 0 ]; } 2>&1 | tee target/test-clouds.log; status=$$?; \
	$(call count_tests,target/test-clouds.log); exit $$status
