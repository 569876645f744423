# What the libvirt cloud's tests need: libvirtd and QEMU, which nothing starts but the tests themselves, and a small guest
# below target/guest: Debian's kernel for clouds, and a few megabytes of busybox, modules and the demo app.
# Included by the top Makefile, from whose directory the paths count. Targets: `libvirt-packages`, `guest`.

# `tini` ends the zombies of a process namespace.
LIBVIRT_PACKAGES := libvirt-daemon libvirt-daemon-driver-qemu libvirt-dev pkg-config qemu-system-x86 tini busybox-static iproute2
# After the others: a newer one than Debian's own goes when they come.
QEMU_PACKAGES    := qemu-utils

GUEST         := target/guest
GUEST_SOURCE  := southbound/libvirt/guest
GUEST_APPLETS := sh cat cut echo grep insmod ip kill ls mkdir mount poweroff ps sed sleep umount
# In the order in which they are loaded; what a kernel has built in is not there and not missed.
GUEST_MODULES := virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci failover net_failover virtio_net \
                 virtio_blk virtio_balloon cdrom isofs

.PHONY: libvirt-packages libvirt-daemon-packages qemu-packages guest
libvirt-packages: libvirt-daemon-packages
	@$(MAKE) --no-print-directory qemu-packages

guest: $(GUEST)/initrd

# The kernel's package is named after its version, which changes with every point release.
$(GUEST)/vmlinuz:
	@mkdir -p $(GUEST)/kernel; cd $(GUEST)/kernel; rm -f *.deb; \
	named() { apt-cache depends linux-image-cloud-amd64 2>/dev/null | sed -n 's/^ *Depends: *\(linux-image-[0-9].*\)/\1/p' | head -1; }; \
	get() { apt-get download -qq -o APT::Sandbox::User=root "$$(named)" >/dev/null 2>&1; }; \
	{ get || { apt-get update -qq && get; }; } && dpkg-deb -x *.deb . && rm -f *.deb && cp boot/vmlinuz-* ../vmlinuz \
	|| { echo "make: could not unpack a kernel for the guest; hint: see whether 'apt-get download linux-image-cloud-amd64' works" >&2; exit 1; }

# Not compressed: under emulation, unpacking takes longer than reading.
$(GUEST)/initrd: $(GUEST)/vmlinuz $(GUEST_SOURCE)/init southbound/libvirt/lab.mk | demo-root
	@root=$(GUEST)/root; rm -rf $$root; mkdir -p $$root/bin $$root/dev $$root/etc $$root/lib $$root/media $$root/proc $$root/run $$root/shared $$root/sys; \
	cp $(DEMO_ROOT)/bin/busybox $(DEMO_ROOT)/bin/demo-app $$root/bin/; install -m 755 $(GUEST_SOURCE)/init $$root/init; \
	for applet in $(GUEST_APPLETS); do ln -s busybox $$root/bin/$$applet; done; \
	for module in $(GUEST_MODULES); do \
		file=$$(find $(GUEST)/kernel/lib/modules -name "$$module.ko" | head -1); \
		if [ -n "$$file" ]; then cp "$$file" $$root/lib/; echo "$$module" >> $$root/lib/order; fi; \
	done; \
	(cd $$root && find . | sort | busybox cpio --quiet -o -H newc) > $@.new && mv $@.new $@; \
	echo "guest: $(GUEST)/vmlinuz and $@ ($$(du -sk $@ | cut -f1) KiB)"
