//! Follows a file that somebody else writes, and replaces when it has grown long enough: by another under its name, or by
//! cutting it to nothing. Whoever writes it may be a tenant, so nothing about it is trusted: no link is followed, nothing but a
//! plain file is opened, and what is read at a time has a limit.

use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use nix::fcntl::OFlag;

/// A longer line is no request.
const LINE_LIMIT: usize = 8 << 10;
/// So much may have been written since the last reading: 150 000 requests. Of a file that grows faster nothing is read.
const READ_LIMIT: u64 = 16 << 20;
const PIECE: usize = 64 << 10;

/// A file and how far it was read.
#[derive(Debug)]
pub(super) struct Follow {
    path: PathBuf,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    id: (u64, u64),
    at: u64,
    line: Line,
}

/// The beginning of a line whose end was not written yet.
#[derive(Debug, Default)]
struct Line {
    bytes: Vec<u8>,
    is_too_long: bool,
}

/// What there was to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It is followed from here on: what stood in it before is of no time that is known.
    Begun,
    /// Every line since the last reading was given.
    Read,
}

/// Nothing is known of the time since the last reading.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unread {
    /// There is no such file, or it cannot be read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is a directory, a link, a pipe …
    #[error("it is not a plain file")]
    NotAFile,
    /// It has grown by more than is read at a time; it is followed from its end.
    #[error("it has grown by more than {} MiB since it was last read", READ_LIMIT >> 20)]
    TooMuch,
}

impl Follow {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, open: None }
    }

    /// Gives every line that was written since the last reading, and tells when the file was last written to.
    pub(super) fn read(
        &mut self,
        mut each: impl FnMut(&[u8]),
    ) -> Result<(Step, SystemTime), Unread> {
        let Some(mut open) = self.open.take() else {
            let (file, metadata) = open(&self.path)?;
            self.open = Some(Open::at(file, &metadata, metadata.len()));
            return Ok((Step::Begun, metadata.modified()?));
        };
        // Under its old name or a new one, or none at all: what is still in it comes first.
        let drained = open.drain(&mut each);
        let found = fs::symlink_metadata(&self.path);
        let is_replaced = found.as_ref().is_ok_and(|found| id(found) != open.id);
        let mut modified = found.and_then(|found| found.modified());
        let mut drained_new = Ok(());
        if is_replaced {
            let (file, metadata) = match self::open(&self.path) {
                Ok(opened) => opened,
                Err(unread) => {
                    self.open = Some(open);
                    return Err(unread);
                }
            };
            open.line.end(&mut each);
            open = Open::at(file, &metadata, 0);
            drained_new = open.drain(&mut each);
            modified = metadata.modified();
        }
        self.open = Some(open);
        drained?;
        drained_new?;
        Ok((Step::Read, modified?))
    }
}

/// Links are not followed and pipes not waited for: the path may be a tenant's.
fn open(path: &Path) -> Result<(File, Metadata), Unread> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let opened = File::options()
        .read(true)
        .custom_flags(flags.bits())
        .open(path);
    let file = match opened {
        Err(error) if error.raw_os_error() == Some(nix::libc::ELOOP) => {
            return Err(Unread::NotAFile);
        }
        opened => opened?,
    };
    let metadata = file.metadata()?;
    if metadata.is_file() {
        Ok((file, metadata))
    } else {
        Err(Unread::NotAFile)
    }
}

fn id(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

impl Open {
    fn at(file: File, metadata: &Metadata, at: u64) -> Self {
        Self {
            file,
            id: id(metadata),
            at,
            line: Line::default(),
        }
    }

    /// From where it was read to its end.
    fn drain(&mut self, each: &mut impl FnMut(&[u8])) -> Result<(), Unread> {
        let length = self.file.metadata()?.len();
        if length < self.at {
            // It was cut to nothing and written anew.
            self.at = 0;
            self.line = Line::default();
        }
        if length - self.at > READ_LIMIT {
            self.at = length;
            self.line = Line {
                bytes: Vec::new(),
                is_too_long: true,
            };
            return Err(Unread::TooMuch);
        }
        self.file.seek(SeekFrom::Start(self.at))?;
        let mut piece = vec![0; PIECE];
        while self.at < length {
            let most = usize::try_from(length - self.at)
                .unwrap_or(PIECE)
                .min(PIECE);
            let read = self.file.read(&mut piece[..most])?;
            if read == 0 {
                break;
            }
            self.at += read as u64;
            self.line.take(&piece[..read], each);
        }
        Ok(())
    }
}

impl Line {
    fn take(&mut self, piece: &[u8], each: &mut impl FnMut(&[u8])) {
        let mut rest = piece;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.add(&rest[..end]);
            self.end(each);
            rest = &rest[end + 1..];
        }
        self.add(rest);
    }

    fn add(&mut self, bytes: &[u8]) {
        if self.bytes.len() + bytes.len() > LINE_LIMIT {
            self.is_too_long = true;
            self.bytes = Vec::new();
        }
        if !self.is_too_long {
            self.bytes.extend_from_slice(bytes);
        }
    }

    fn end(&mut self, each: &mut impl FnMut(&[u8])) {
        if !self.bytes.is_empty() {
            each(&self.bytes);
        }
        *self = Self::default();
    }
}

/// The lines of a log that is read in these pieces.
#[cfg(fuzzing)]
pub(crate) fn lines(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
    let (mut line, mut lines) = (Line::default(), Vec::new());
    for piece in pieces {
        line.take(piece, &mut |line| lines.push(line.to_vec()));
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    struct Log {
        directory: tempfile::TempDir,
        follow: Follow,
    }

    impl Log {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let follow = Follow::new(directory.path().join("access.log"));
            let mut log = Self { directory, follow };
            log.write("old\n");
            assert_eq!(log.read(), Ok(vec![]));
            log
        }

        fn path(&self) -> PathBuf {
            self.directory.path().join("access.log")
        }

        fn write(&mut self, text: &str) {
            let mut file = File::options()
                .create(true)
                .append(true)
                .open(self.path())
                .unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }

        fn rename(&self) {
            fs::rename(self.path(), self.directory.path().join("access.log.1")).unwrap();
        }

        fn read(&mut self) -> Result<Vec<String>, String> {
            let mut lines = Vec::new();
            let read = self
                .follow
                .read(|line| lines.push(String::from_utf8_lossy(line).into_owned()));
            read.map(|_| lines).map_err(|unread| unread.to_string())
        }
    }

    #[test]
    fn what_was_there_before_is_not_read_and_a_line_is_read_when_it_has_ended() {
        let mut log = Log::new();

        log.write("one\ntw");
        assert_eq!(log.read(), Ok(vec!["one".to_owned()]));
        log.write("o\n\nthree\n");
        assert_eq!(log.read(), Ok(vec!["two".to_owned(), "three".to_owned()]));
        assert_eq!(log.read(), Ok(vec![]));
    }

    #[test]
    fn a_log_that_is_renamed_and_begun_anew_loses_no_line() {
        let mut log = Log::new();
        log.write("one\n");
        let mut writer = File::options().append(true).open(log.path()).unwrap();
        log.rename();
        writer.write_all(b"two\n").unwrap();
        log.write("three\n");

        assert_eq!(log.read().unwrap(), ["one", "two", "three"]);
        log.write("four\n");
        assert_eq!(log.read().unwrap(), ["four"]);
    }

    #[test]
    fn a_log_that_is_cut_to_nothing_is_read_from_its_beginning() {
        let mut log = Log::new();
        log.write("one\n");
        log.read().unwrap();
        File::create(log.path()).unwrap();
        log.write("2\n");

        assert_eq!(log.read().unwrap(), ["2"]);
    }

    #[test]
    fn a_log_that_is_away_is_no_empty_one_and_goes_on_when_it_is_back() {
        let mut log = Log::new();
        log.rename();

        assert!(log.read().unwrap_err().contains("No such file"));
        log.write("one\n");
        assert_eq!(log.read().unwrap(), ["one"]);
    }

    #[test]
    fn a_line_without_end_and_a_log_that_grew_too_much_are_left_out() {
        let mut log = Log::new();
        log.write(&"x".repeat(3 * PIECE));
        log.write("\ngood\n");
        assert_eq!(log.read().unwrap(), ["good"]);

        // Nothing but a hole, and still too long.
        let file = File::options().write(true).open(log.path()).unwrap();
        file.set_len(READ_LIMIT * 3).unwrap();
        assert!(log.read().unwrap_err().contains("more than 16 MiB"));
        log.write("the rest of something\nnext\n");
        assert_eq!(log.read().unwrap(), ["next"]);
    }

    #[test]
    fn a_link_or_a_pipe_in_its_place_is_not_opened() {
        let mut log = Log::new();
        log.rename();
        std::os::unix::fs::symlink("/etc/passwd", log.path()).unwrap();
        assert_eq!(log.read().unwrap_err(), "it is not a plain file");

        fs::remove_file(log.path()).unwrap();
        nix::unistd::mkfifo(&log.path(), nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(log.read().unwrap_err(), "it is not a plain file");
    }
}
