# The root file system of the demo's instances: a static busybox, the static demo app, the static monitor, and what a root needs besides.
# Included by the top Makefile, from whose directory the paths count. Target: `demo-root`. Doing it again changes nothing.

DEMO_ROOT     ?= target/demo-root
DEMO_TARGET   := $(shell rustc -vV | sed -n 's/^host: //p')
DEMO_APP      := target/static/$(DEMO_TARGET)/release/demo-app
MONITOR       := target/static/$(DEMO_TARGET)/release/asaas-monitor
DEMO_BUSYBOX  := $(firstword $(wildcard /bin/busybox /usr/bin/busybox))
DEMO_APPLETS  := sh cat cp df dd echo env false find free grep head hostname id ip kill ls mkdir mv nc netstat nslookup ping \
                 ps pwd rm sed sleep sort stat tail top touch tr traceroute true uname vi wc wget which

.PHONY: demo-root demo-app monitor

# With a target of its own the flags do not reach build scripts, and with a folder of its own nothing else is built anew.
# Static, for there is no C library in the root.
demo-app monitor:
	@RUSTFLAGS="-C target-feature=+crt-static -C strip=symbols" \
		cargo build --quiet --release -p $@ --target $(DEMO_TARGET) --target-dir target/static

demo-root: demo-app monitor
	@test -n "$(DEMO_BUSYBOX)" && ! ldd "$(DEMO_BUSYBOX)" >/dev/null 2>&1 \
		|| { echo "demo-root: needs a static busybox; hint: apt-get install busybox-static" >&2; exit 1; }
	@test $$(stat -c %s $(MONITOR)) -le 4194304 || { echo "demo-root: the monitor is larger than 4 MiB" >&2; exit 1; }
	@mkdir -p $(addprefix $(DEMO_ROOT)/,bin dev etc proc root run shared sys tmp usr/bin var)
	@chmod 1777 $(DEMO_ROOT)/tmp
	@install -C -m 755 $(DEMO_BUSYBOX) $(DEMO_ROOT)/bin/busybox
	@install -C -m 755 $(DEMO_APP) $(DEMO_ROOT)/bin/demo-app
	@install -C -m 755 $(MONITOR) $(DEMO_ROOT)/bin/asaas-monitor
	@for applet in $(DEMO_APPLETS); do ln -sfn busybox $(DEMO_ROOT)/bin/$$applet; done
	@printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' > $(DEMO_ROOT)/etc/passwd
	@printf 'root:x:0:\nnogroup:x:65534:\n' > $(DEMO_ROOT)/etc/group
	@printf '127.0.0.1 localhost\n' > $(DEMO_ROOT)/etc/hosts
	@echo "demo-root: $(DEMO_ROOT) ($$(du -sk $(DEMO_ROOT) | cut -f1) KiB)"
