# Fuzzing: any input, guided by what it reaches. A finding is a file in northbound/fuzz/findings/, repeated by `make fuzz-repeat`.
# On a stable compiler: `-s none` leaves the sanitizers out, which find nothing where no code is unsafe.

FUZZ         := northbound/fuzz
FUZZ_TARGETS := $(patsubst $(FUZZ)/fuzz_targets/%.rs,%,$(wildcard $(FUZZ)/fuzz_targets/*.rs))
FUZZ_BUILT   := target/fuzz/x86_64-unknown-linux-gnu/debug
FUZZ_SECONDS ?= 900
CARGO_FUZZ   := target/tools/bin/cargo-fuzz
# More than a tenant file may hold; an input that takes longer or more is a finding.
FUZZ_LIMITS  := -max_len=20000 -timeout=10 -rss_limit_mb=1024

.PHONY: fuzz fuzz-short fuzz-build fuzz-repeat
fuzz: fuzz-build $(FUZZ_TARGETS:%=fuzz-%)
fuzz-short:
	@$(MAKE) --no-print-directory fuzz-build
	@$(MAKE) --no-print-directory -j2 $(FUZZ_TARGETS:%=fuzz-%) FUZZ_SECONDS=10

fuzz-build: fuzz-packages $(CARGO_FUZZ)
	@cd $(FUZZ) && RUSTFLAGS= PATH="$(CURDIR)/target/tools/bin:$$PATH" $(CARGO) fuzz build -s none --dev --target-dir $(CURDIR)/target/fuzz

$(CARGO_FUZZ):
	$(CARGO) install cargo-fuzz --locked --version 0.13.2 --root target/tools

# Begins with the seeds and the files that the tests read; what reaches something new is kept in target/fuzz/corpus.
FUZZ_SEEDS_tenant_file := tenants northbound/tests/tenant_files/ok northbound/tests/tenant_files/bad
FUZZ_SEEDS_operator_file := ansible
$(FUZZ_TARGETS:%=fuzz-%): fuzz-%: | fuzz-build
	@corpus=target/fuzz/corpus/$*; found=$(FUZZ)/findings/$*; log=target/fuzz/$*.log; mkdir -p $$corpus $$found; \
	if $(FUZZ_BUILT)/$* $(FUZZ_LIMITS) -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 -artifact_prefix=$$found/ \
		$$corpus $(wildcard $(FUZZ)/seeds/$*) $(FUZZ_SEEDS_$*) >$$log 2>&1; \
	then echo "fuzz: $*: $$(awk '/number_of_executed_units/ { print $$2 }' $$log) inputs, no finding"; \
	else input=$$(sed -n 's/.*Test unit written to //p' $$log | tail -1); \
		sed -n '/panicked at/,/stack backtrace/p;/^SUMMARY/p' $$log | head -40 >&2; \
		echo "fuzz: $*: an input breaks a promise; the log is $$log; repeat it with: make fuzz-repeat INPUT=$$input" >&2; exit 1; \
	fi

fuzz-repeat: fuzz-build
	@test -f "$(INPUT)" || { echo "make: name an input; hint: make fuzz-repeat INPUT=$(FUZZ)/findings/<target>/<file>" >&2; exit 2; }
	$(FUZZ_BUILT)/$(notdir $(patsubst %/,%,$(dir $(INPUT)))) $(FUZZ_LIMITS) $(INPUT)
