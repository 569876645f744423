# Several nodes that share an etcd.
#
# make ha         what comes of it when nodes, members of etcd and the ways between them fail: about 5 minutes, with a table
# make ha-short   the part of it that every change is held against: about 1 minute
# make ha-nodes   three nodes and three members of etcd on this machine, until Ctrl-C

HA         := target/ha
HA_BUILD   := $(CARGO) test --locked -p northbound --features etcd
HA_TEST    := $(HA_BUILD) --test ha --
HA_ASAAS   ?= target/release/asaas
HA_MEMBERS := http://127.0.0.1:23791, http://127.0.0.1:23792, http://127.0.0.1:23793
HA_ETCD    := e1=http://127.0.0.1:23801,e2=http://127.0.0.1:23802,e3=http://127.0.0.1:23803

.PHONY: ha ha-short ha-nodes ha-packages
ha-packages: packages etcd-packages etcd
	@$(MAKE) --no-print-directory demo-root

# The store's own promises over the same members come first: what fails there fails everywhere.
# One story after the other: they would make each other wait.
ha: ha-packages
	$(HA_BUILD) --lib -- node:: store::etcd::
	$(HA_BUILD) --test etcd --test registry
	$(HA_TEST) --include-ignored --test-threads=1

ha-short: ha-packages
	$(HA_TEST)

# What the nodes know stays in $(HA), and their instances run on: destroy the tenants first, or start it again.
ha-nodes: ha-packages
	@test $(HA_ASAAS) != target/release/asaas || $(CARGO) build --release --locked -p northbound --features etcd
	@mkdir -p $(HA); trap 'trap - INT TERM EXIT; kill $$nodes 2>/dev/null; wait $$nodes; kill $$members; wait' INT TERM EXIT; \
	for n in 1 2 3; do \
		setsid target/etcd/usr/bin/etcd --name e$$n --data-dir $(HA)/e$$n --logger zap --log-level error \
			--listen-client-urls http://127.0.0.1:2379$$n --advertise-client-urls http://127.0.0.1:2379$$n \
			--listen-peer-urls http://127.0.0.1:2380$$n --initial-advertise-peer-urls http://127.0.0.1:2380$$n \
			--initial-cluster $(HA_ETCD) & members="$$members $$!"; \
	done; \
	for node in a b c; do \
		mkdir -p $(HA)/$$node; \
		printf '%s\n' 'state: state' 'local: ../local' 'socket: asaas.sock' 'logs: { directory: logs }' 'tenants: $(CURDIR)/tenants' \
			"store: { etcd: { endpoints: [$(HA_MEMBERS)], cluster: main, node: $$node } }" > $(HA)/$$node/asaas.yml; \
		setsid $(HA_ASAAS) --config $(HA)/$$node/asaas.yml serve & nodes="$$nodes $$!"; \
	done; \
	wait
