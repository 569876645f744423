//! The libvirt cloud over real guests: a libvirtd of the tests' own, in namespaces of its own, and QEMU's emulation.
//!
//! Needs root, and what `make libvirt-packages guest` installs and builds; fails without it: nothing is skipped.
#![expect(
    clippy::unwrap_used,
    reason = "what goes wrong here fails the test; clippy knows only of functions that are tests themselves"
)]

#[path = "guests/bed.rs"]
mod bed;
#[path = "guests/exec.rs"]
mod exec;
#[path = "guests/hosts.rs"]
mod hosts;
#[path = "guests/lab.rs"]
mod lab;
#[path = "guests/making.rs"]
mod making;
#[path = "guests/service.rs"]
mod service;
#[path = "guests/silence.rs"]
mod silence;

southbound::conforms!(libvirt, crate::bed::LibvirtBed::new());
