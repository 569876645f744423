//! Where a template's root lies on the disk: a directory as it is, a tarball unpacked once.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use controller::ports::CloudErrorKind;

use super::error::Trouble;

/// The directory with the root that `root` names. A tarball is unpacked below `images`, where it stays for the next time;
/// when the tarball changes, it is unpacked anew.
pub(super) fn directory(images: &Path, root: &Path) -> Result<PathBuf, Trouble> {
    let metadata = fs::metadata(root).map_err(|cause| {
        Trouble::new(
            CloudErrorKind::Rejected,
            format!("the template's root `{}`: {cause}", root.display()),
        )
    })?;
    if metadata.is_dir() {
        return Ok(root.to_owned());
    }
    if root.extension().is_none_or(|extension| extension != "tar") {
        return Err(Trouble::new(
            CloudErrorKind::Rejected,
            format!(
                "the template's root `{}` is neither a directory nor a `.tar`; hint: unpack it",
                root.display()
            ),
        ));
    }
    let image = images.join(version(root, &metadata));
    if !image.exists() {
        unpack(root, &image)?;
    }
    Ok(image)
}

/// A name for this very version of a file: a changed file has another one.
fn version(path: &Path, metadata: &fs::Metadata) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(path.as_os_str().as_encoded_bytes());
    for part in [metadata.size(), metadata.ino()] {
        hasher.update(&part.to_be_bytes());
    }
    for part in [metadata.mtime(), metadata.mtime_nsec()] {
        hasher.update(&part.to_be_bytes());
    }
    let mut name = data_encoding::BASE32_NOPAD.encode(hasher.finalize().as_bytes());
    name.truncate(26);
    name.make_ascii_lowercase();
    name
}

/// Whole or not at all, also when two clouds of a deployment do it at once: the later one finds the work done.
fn unpack(tarball: &Path, image: &Path) -> Result<(), Trouble> {
    let failed = |cause: &std::io::Error| {
        Trouble::system(format_args!("unpacking `{}`", tarball.display()), cause)
    };
    let images = image.parent().unwrap_or(image);
    fs::create_dir_all(images).map_err(|cause| failed(&cause))?;
    let draft = image.with_extension(format!("{}-{}", std::process::id(), draft_number()));
    let unpacked = File::open(tarball).and_then(|file| {
        let mut archive = tar::Archive::new(file);
        archive.set_preserve_permissions(true);
        archive.set_preserve_ownerships(true);
        archive.set_overwrite(false);
        archive.unpack(&draft)
    });
    let outcome = match unpacked.and_then(|()| fs::rename(&draft, image)) {
        Ok(()) => return Ok(()),
        Err(_) if image.exists() => Ok(()),
        Err(cause) => Err(failed(&cause)),
    };
    // It may not even have come to be.
    drop(fs::remove_dir_all(&draft));
    outcome
}

/// Tells drafts of this process apart.
fn draft_number() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tarball(path: &Path, text: &str) {
        let mut builder = tar::Builder::new(File::create(path).unwrap());
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o755);
        header.set_uid(0);
        header.set_gid(0);
        builder
            .append_data(&mut header, "bin/app", text.as_bytes())
            .unwrap();
        builder.finish().unwrap();
    }

    #[test]
    fn a_tarball_is_unpacked_once_and_again_when_it_has_changed() {
        let place = tempfile::tempdir().unwrap();
        let (images, root) = (place.path().join("images"), place.path().join("web.tar"));
        tarball(&root, "one");

        let first = directory(&images, &root).unwrap();
        let again = directory(&images, &root).unwrap();
        tarball(&root, "other");
        let changed = directory(&images, &root).unwrap();

        assert_eq!(first, again);
        assert_ne!(first, changed);
        assert_eq!(fs::read_to_string(first.join("bin/app")).unwrap(), "one");
        assert_eq!(
            fs::read_to_string(changed.join("bin/app")).unwrap(),
            "other"
        );
        assert_eq!(fs::read_dir(&images).unwrap().count(), 2);
    }

    #[test]
    fn a_torn_tarball_leaves_no_image() {
        let place = tempfile::tempdir().unwrap();
        let (images, root) = (place.path().join("images"), place.path().join("web.tar"));
        tarball(&root, &"x".repeat(4096));
        let whole = fs::read(&root).unwrap();
        fs::write(&root, &whole[..2000]).unwrap();

        assert!(directory(&images, &root).is_err());

        assert_eq!(fs::read_dir(&images).unwrap().count(), 0);
    }

    #[test]
    fn a_root_that_is_not_there_is_for_a_person() {
        let trouble = directory(Path::new("/nowhere"), Path::new("/nowhere/web")).unwrap_err();

        assert_eq!(trouble.kind, CloudErrorKind::Rejected);
    }
}
