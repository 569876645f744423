# make demo    see it work: one tenant, two clouds, load, a crash; leaves nothing behind
# make test    every test, for real: namespaces, iptables, containers; needs root
# make test-clouds   the clouds of EC2, Compute Engine and libvirt, each against its lab: real guests, no account; needs root
# make build   the release binary, target/release/asaas; FEATURES=libvirt,aws,gcp,etcd for what is not in it
# make lint    what CI holds the code against
# make chaos [POINT=name] [WORKFLOW=name]   the service killed and stopped at every step, on the real kernel; needs root
# make ha      three nodes over a real etcd, killed, stopped and cut off; needs root
# make ha-nodes   three nodes and an etcd of three members to try, until Ctrl-C; needs root
# make bench   the figures that the documents claim
# make sim [SEED=n]   simulated worlds of faults, thousands of tenant-hours in minutes; a seed repeats one
# make sim-bugs   whether they find the mistakes of others, each switched on by itself: controller/world/SEEDS.md
# make mutants   which small changes to the decision core no test would notice: controller/MUTANTS.md
# make scale [PART=smoke]   10,000 tenants on one node, and 1,000 of them after kill -9: a few minutes; its smoke test: 40 s
# make fuzz-short   every fuzz target for a moment; make fuzz FUZZ_SECONDS=900 for as long as you like
# make policies ASAAS_TRACES=DIR   our scaling policies beside others on a folder of load traces: controller/POLICIES.md

SHELL  := /bin/bash
CARGO  ?= cargo
PACKAGES       := iptables conntrack runc busybox-static iproute2 procps
BENCH_PACKAGES := haproxy
# To build with the feature `etcd`.
ETCD_PACKAGES  := protobuf-compiler libprotobuf-dev
# libFuzzer is written in C++.
FUZZ_PACKAGES  := g++

.PHONY: help build demo demo-short test chaos lint bench scale sim sim-bugs mutants mutants-score policies packages bench-packages etcd-packages fuzz-packages aws-packages gcp-packages prometheus etcd clean-demo
help:
	@sed -n '/^# make/s/^# //p' Makefile

include northbound/demo-app/root.mk
include northbound/fuzz/fuzz.mk
include southbound/clouds.mk

# What Debian has and a fresh machine has not. Asks the package manager only for what is missing.
packages: wanted = $(PACKAGES)
bench-packages: wanted = $(BENCH_PACKAGES)
etcd-packages: wanted = $(ETCD_PACKAGES)
fuzz-packages: wanted = $(FUZZ_PACKAGES)
aws-packages: wanted = $(AWS_PACKAGES)
gcp-packages: wanted = $(GCP_PACKAGES)
libvirt-daemon-packages: wanted = $(LIBVIRT_PACKAGES)
qemu-packages: wanted = $(QEMU_PACKAGES)
packages bench-packages etcd-packages fuzz-packages aws-packages gcp-packages libvirt-daemon-packages qemu-packages:
	@missing=; for package in $(wanted); do \
		dpkg-query -W -f '$${Status}' $$package 2>/dev/null | grep -q 'install ok installed' || missing="$$missing $$package"; \
	done; \
	if [ -n "$$missing" ]; then \
		echo "installing$$missing"; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null \
		|| { echo "make: could not install$$missing; hint: run 'apt-get install$$missing' as root and try again" >&2; exit 1; }; \
	fi

# For the tests. Unpacked beside what is built, not installed: the packages would start services of their own.
PROMETHEUS := target/prometheus/usr/bin/prometheus
ETCD       := target/etcd/usr/bin/etcd
prometheus: $(PROMETHEUS)
etcd: $(ETCD)
$(PROMETHEUS): package = prometheus
$(ETCD): package = etcd-server
$(PROMETHEUS) $(ETCD):
	@mkdir -p target/$(notdir $@); cd target/$(notdir $@); rm -f *.deb; get="apt-get download -qq -o APT::Sandbox::User=root"; \
	{ $$get $(package) 2>/dev/null || { apt-get update -qq && $$get $(package); }; } >/dev/null \
	&& dpkg-deb -x $(package)_*.deb . && rm -f *.deb usr/bin/promtool && touch usr/bin/$(notdir $@) \
	|| { echo "make: could not unpack $(package); hint: see whether 'apt-get download $(package)' works" >&2; exit 1; }

include northbound/ha.mk

# FEATURES: libvirt, aws, gcp, etcd; several with commas.
build:
	$(CARGO) build --release --locked -p northbound $(if $(FEATURES),--features $(FEATURES))

demo: packages build
	@$(MAKE) --no-print-directory demo-root
	target/release/asaas demo

demo-short: packages build
	@$(MAKE) --no-print-directory demo-root
	target/release/asaas demo --short

# After a demo that was killed with SIGKILL.
clean-demo:
	target/release/asaas demo --cleanup

# The closing line counts all tests of all crates, those in the documentation included.
count_tests = awk '/^test result:/ { passed += $$4; failed += $$6; skipped += $$8 } \
	END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped }' $(1)

test: packages
	@$(MAKE) --no-print-directory demo-root
	@$(MAKE) --no-print-directory prometheus || echo "make: tests with a real Prometheus will be skipped" >&2
	@mkdir -p target; set -o pipefail; \
	$(CARGO) test --locked --no-fail-fast 2>&1 | tee target/test.log; status=$$?; \
	$(call count_tests,target/test.log); exit $$status

chaos: packages
	@$(MAKE) --no-print-directory demo-root
	$(CARGO) test --quiet --locked -p northbound --features crashpoints --lib -- crash::
	$(CARGO) test --quiet --locked -p northbound --features crashpoints --test chaos -- $(POINT)

lint: etcd-packages
	$(CARGO) fmt --all --check
	$(CARGO) clippy --all-targets --locked -- -D warnings
	$(CARGO) clippy -p northbound --features crashpoints,etcd --all-targets --locked -- -D warnings

# ASAAS_SCORER=DIR adds what others reach on the same traces.
policies:
	@test -n "$(ASAAS_TRACES)" || { echo "make: name a folder of traces; hint: make policies ASAAS_TRACES=<folder>" >&2; exit 2; }
	ASAAS_TRACES="$(ASAAS_TRACES)" ASAAS_SCORER="$(ASAAS_SCORER)" $(CARGO) bench --locked -p controller --bench policies > controller/POLICIES.md.new
	mv controller/POLICIES.md.new controller/POLICIES.md

# Fails on a violation, where it is less than this within the limit, and where something that it is for never occurred.
SIM := target/sim/world
sim:
	@$(CARGO) build -q --profile sim --locked -p world
	@if [ -n "$(SEED)" ]; then $(SIM) --seed "$(SEED)"; else $(SIM) --tenant-hours 10000 --limit 10m --strict; fi

# The test of the test: every seeded bug has to be found within two minutes, and nothing where none is on.
# BUG=F4 SEED=3 shows one world with one bug; WRITE=1 writes the table down.
BUGS := target/sim/bugs
sim-bugs:
	@$(CARGO) build -q --profile sim --locked -p world --features seeded-bugs --bin bugs
	@$(BUGS) $(if $(BUG),--bug $(BUG)) $(if $(SEED),--seed $(SEED)) $(if $(WRITE),--write controller/world/SEEDS.md)

# Small changes to the decision core, one at a time: which of them would no test notice? SHARD=0/8 takes every eighth of them.
# Tests that take long for what they are (an hour of faults, backtests) are left out, so that a mutant takes seconds; KILLERS=--lib
# takes the unit tests alone, which is faster still and a lower score.
MUTANTS := target/tools/bin/cargo-mutants
MUTATED := amount answers decide place plan reading refusal routes settle strays decide/advice decide/brake decide/lifetime \
           decide/measured decide/steps decide/target decide/window place/pool plan/check plan/hold plan/pooled $(patsubst controller/src/%.rs,%,$(wildcard controller/src/settle/*.rs))
KILLERS    := --lib --test scenarios
SLOW_TESTS := hour_of_faults nor_does_it backtest forecast tune a_goal
$(MUTANTS):
	$(CARGO) install -q cargo-mutants --locked --root target/tools --target-dir target/tools/build
mutants: $(MUTANTS)
	@rm -rf target/mutants/mutants.out; mkdir -p target/mutants
	@CARGO_TARGET_DIR=$(CURDIR)/target/mutants/build $(MUTANTS) mutants -p controller $(MUTATED:%=-f controller/src/%.rs) \
		-o target/mutants --no-shuffle --baseline skip --timeout 180 $(if $(SHARD),--shard $(SHARD) --sharding round-robin) \
		-- $(KILLERS) -- $(SLOW_TESTS:%=--skip %); status=$$?; \
	if [ $$status -ne 0 ] && [ $$status -ne 2 ] && [ $$status -ne 3 ]; then exit $$status; fi
	@$(MAKE) --no-print-directory mutants-score
# Of a run that was cut short too.
mutants-score:
	@{ echo '# Mutation testing of the decision core'; echo; \
	  echo 'Made by `make mutants$(if $(SHARD), SHARD=$(SHARD)) KILLERS="$(KILLERS)"` on '$$(date -u +%Y-%m-%d)', with '; \
  echo "$$(cat target/mutants/mutants.out/{caught,timeout,missed,unviable}.txt | wc -l) of $$(grep -c '"replacement"' target/mutants/mutants.out/mutants.json) mutants$(if $(SHARD), of a shard) tried."; echo; \
	  cd target/mutants/mutants.out && awk -f $(CURDIR)/controller/mutants.awk caught.txt timeout.txt missed.txt unviable.txt; \
	} > controller/MUTANTS.md

bench: packages bench-packages
	@$(MAKE) --no-print-directory demo-root
	$(CARGO) bench --locked

scale:
	$(CARGO) bench --locked -p northbound --bench scale -- $(PART)
