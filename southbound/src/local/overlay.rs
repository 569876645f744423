//! Copy-on-write roots: an overlay whose lower side is the template's, never written to, and whose upper side is the
//! instance's own and goes with it.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use super::bundle::Bundle;

/// A root can be mounted over itself when a launch is done again; more often than this it cannot.
const MOUNTS_MAX: usize = 8;

/// Mounts a fresh root on `lower` for this instance.
pub(super) fn make(bundle: &Bundle, lower: &Path) -> io::Result<()> {
    for directory in [bundle.rootfs(), bundle.upper(), bundle.work()] {
        fs::create_dir(directory)?;
    }
    let mut options = String::new();
    // Paths have been checked for commas and colons. `volatile` never syncs: what is gone with the instance need not survive
    // a power cut, and unmounting is quick. It holds for the root only, not for the shared directory.
    let _ = write!(
        options,
        "lowerdir={},upperdir={},workdir={},volatile",
        lower.display(),
        bundle.upper().display(),
        bundle.work().display(),
    );
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    let target = bundle.rootfs();
    mount(
        Some("overlay"),
        &target,
        Some("overlay"),
        flags,
        Some(options.as_str()),
    )?;
    Ok(())
}

/// Unmounts this instance's root. `Ok` where nothing is mounted.
pub(super) fn unmount(bundle: &Bundle) -> io::Result<()> {
    let target = bundle.rootfs();
    for _ in 0..MOUNTS_MAX {
        match umount2(&target, MntFlags::UMOUNT_NOFOLLOW) {
            Ok(()) => {}
            // Somebody looks into it; no process of the instance is left, so that it goes as soon as he looks away.
            Err(Errno::EBUSY) => {
                umount2(&target, MntFlags::UMOUNT_NOFOLLOW | MntFlags::MNT_DETACH)?;
            }
            // Not mounted, or not there.
            Err(Errno::EINVAL | Errno::ENOENT) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        }
    }
    Err(Errno::EBUSY.into())
}

/// Removes what an instance has written, for another try.
pub(super) fn clear(bundle: &Bundle) -> io::Result<()> {
    for directory in [bundle.rootfs(), bundle.upper(), bundle.work()] {
        match fs::remove_dir_all(directory) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
            _ => {}
        }
    }
    Ok(())
}
