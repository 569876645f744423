//! The whole of it with virtual machines: the program as people run it, on a hypervisor of the test's own, whose guests serve real
//! clients behind one public address.
#![expect(clippy::unwrap_used, reason = "a test")]
#![expect(dead_code, reason = "the hypervisor can do more than this needs")]

#[path = "libvirt/service.rs"]
mod service;

/// The same hypervisor as that of the cloud's own tests.
#[path = "../../southbound/libvirt/tests/guests/exec.rs"]
mod exec;
#[path = "../../southbound/libvirt/tests/guests/lab.rs"]
mod lab;
#[path = "libvirt/exec.rs"]
mod program;
