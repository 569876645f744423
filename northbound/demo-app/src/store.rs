//! Objects: one file each, in a directory that all instances of the tenant share.
//!
//! A write is seen whole or not at all, by every instance: it goes into a file of its own first, which then takes the
//! object's name. Names that begin with a dot are never objects.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Longest id: with what is added for drafts it fits a file name everywhere.
const ID_LIMIT: usize = 128;

/// The objects of a tenant.
#[derive(Debug)]
pub(crate) struct Store {
    directory: PathBuf,
    /// In the names of drafts, so that instances do not take each other's.
    writer: String,
    drafts: AtomicU64,
}

/// An id that is a plain file name: letters, digits, `.`, `_` and `-`, not beginning with a dot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Id<'a>(&'a str);

impl<'a> Id<'a> {
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let is_id = (1..=ID_LIMIT).contains(&text.len())
            && !text.starts_with('.')
            && text.chars().all(is_allowed);
        is_id.then_some(Self(text))
    }
}

impl Store {
    /// The store in this directory, which is made where it does not exist.
    pub(crate) fn open(shared: &Path, writer: &str) -> io::Result<Self> {
        let directory = shared.join("objs");
        fs::create_dir_all(&directory)?;
        Ok(Self {
            directory,
            writer: format!("{writer}-{}", std::process::id()),
            drafts: AtomicU64::new(0),
        })
    }

    /// All ids, in order.
    pub(crate) fn ids(&self) -> io::Result<Vec<String>> {
        let mut ids = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let name = entry?.file_name();
            if let Some(name) = name.to_str()
                && Id::parse(name).is_some()
            {
                ids.push(name.to_owned());
            }
        }
        ids.sort_unstable();
        Ok(ids)
    }

    /// The object, where there is one.
    pub(crate) fn get(&self, id: Id<'_>) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.directory.join(id.0)) {
            Ok(object) => Ok(Some(object)),
            Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(cause),
        }
    }

    /// Makes this the object; true where there was none before.
    pub(crate) fn put(&self, id: Id<'_>, object: &[u8]) -> io::Result<bool> {
        let path = self.directory.join(id.0);
        let draft = self.draft();
        let is_new = !path.exists();
        let written = fs::write(&draft, object).and_then(|()| fs::rename(&draft, &path));
        if written.is_err() {
            // It may be the disk that is full: give back what was taken.
            let _ = fs::remove_file(&draft);
        }
        written.map(|()| is_new)
    }

    /// Deletes the object; false where there was none.
    pub(crate) fn delete(&self, id: Id<'_>) -> io::Result<bool> {
        remove(&self.directory.join(id.0))
    }

    /// Deletes every object that there was when it began.
    pub(crate) fn clear(&self) -> io::Result<()> {
        for id in self.ids()? {
            remove(&self.directory.join(id))?;
        }
        Ok(())
    }

    /// Inserts, selects and deletes an object that nobody else sees; the error says which of them failed.
    pub(crate) fn check(&self) -> Result<(), String> {
        let path = self.draft();
        let failed = |what: &str, cause: io::Error| format!("{what}: {cause}");
        fs::write(&path, &self.writer).map_err(|cause| failed("insert", cause))?;
        let read = fs::read(&path).map_err(|cause| failed("select", cause));
        let removed = fs::remove_file(&path).map_err(|cause| failed("delete", cause));
        if read? != self.writer.as_bytes() {
            return Err("select: not what was inserted".to_owned());
        }
        removed
    }

    fn draft(&self) -> PathBuf {
        let number = self.drafts.fetch_add(1, Ordering::Relaxed);
        self.directory.join(format!(".{}-{number}", self.writer))
    }
}

fn remove(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(false),
        Err(cause) => Err(cause),
    }
}

#[cfg(test)]
mod tests {
    use super::Id;

    #[test]
    fn an_id_that_is_no_plain_file_name_is_refused() {
        for text in ["", ".", "..", ".hidden", "a/b", "a b", "a%2fb", "ä", "a\0"] {
            assert_eq!(Id::parse(text), None, "{text:?}");
        }
        assert_eq!(Id::parse(&"x".repeat(129)), None);
        assert!(Id::parse("Photo_1.v2-final").is_some());
    }
}
