//! Where a backtest writes: never over what it reads, and never twice to one place.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::exit::{CommandError, Exit};

/// A file, and what it is to the person.
pub(super) type Named<'a> = (&'a str, &'a Path);

/// What stands for standard input or output.
const STREAM: &str = "-";

/// Refuses outputs that would overwrite an input or each other.
pub(super) fn check(outputs: &[Named<'_>], inputs: &[Named<'_>]) -> Result<(), CommandError> {
    for (at, (flag, output)) in outputs.iter().enumerate() {
        // A stream that is read is none that is written.
        let inputs = inputs.iter().filter(|(_, path)| *path != Path::new(STREAM));
        let others = inputs.chain(&outputs[..at]);
        if let Some((what, _)) = others.into_iter().find(|(_, other)| is_same(output, other)) {
            let shown = output.display();
            let error = format!("`{flag} {shown}` would overwrite {what}: nothing was written");
            return Err(CommandError::new(Exit::BadInput, error)
                .hint(format!("name another file with `{flag}`")));
        }
    }
    Ok(())
}

/// Whether both are one file, also by another name; a file that is not there yet is the one of its path.
fn is_same(one: &Path, other: &Path) -> bool {
    match (fs::metadata(one), fs::metadata(other)) {
        // Nothing is overwritten in what is no file, such as `/dev/null`.
        (Ok(a), Ok(b)) => a.is_file() && (a.dev(), a.ino()) == (b.dev(), b.ino()),
        (Err(_), Err(_)) => place(one) == place(other),
        _ => false,
    }
}

/// Where a file will be: its name in a folder whose path is resolved.
fn place(path: &Path) -> PathBuf {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    match (fs::canonicalize(folder), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    }
}
