//! What happens in a world, in order: always as a hash, so that two runs of a seed can be compared, and as text where somebody
//! wants to read it.

use std::fmt::Display;
use std::io::{self, Write};

use crate::moment::{At, told};

/// The events of a world.
#[derive(Debug)]
pub(crate) struct Log {
    hash: u64,
    /// The same for each tenant by itself, of its instances only.
    pub(crate) of: Vec<u64>,
    is_told: bool,
}

fn mix(hash: &mut u64, value: u64) {
    *hash = (*hash ^ value)
        .wrapping_mul(0x0000_0100_0000_01b3)
        .rotate_left(23);
}

fn word(text: &str) -> u64 {
    let add = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, add)
}

/// Says a line on standard output. Where nobody reads any more, as behind `| head`, it goes unheard.
///
/// # Panics
/// Where it cannot be written for any other reason.
pub fn say(line: impl Display) {
    if let Err(error) = writeln!(io::stdout(), "{line}") {
        let is_unheard = error.kind() == io::ErrorKind::BrokenPipe;
        assert!(is_unheard, "standard output cannot be written: {error}");
    }
}

impl Log {
    pub(crate) fn new(tenants: usize, is_told: bool) -> Self {
        Self {
            hash: 0,
            of: vec![0; tenants],
            is_told,
        }
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    /// Something happened to an instance of a tenant.
    pub(crate) fn note(
        &mut self,
        at: At,
        what: &str,
        tenant: usize,
        subject: impl Display,
        why: &str,
    ) {
        let subject = subject.to_string();
        for value in [at, word(what), word(&subject)] {
            mix(&mut self.hash, value);
            if let Some(hash) = self.of.get_mut(tenant) {
                mix(hash, value);
            }
        }
        self.tell(at, || format!("tenant {tenant}: {what} {subject} {why}"));
    }

    /// Something happened to a number.
    pub(crate) fn count(&mut self, at: At, what: &str, tenant: usize, number: u64) {
        for value in [at, word(what), number] {
            mix(&mut self.hash, value);
        }
        self.tell(at, || format!("tenant {tenant}: {what} {number}"));
    }

    /// Something happened that belongs to no tenant.
    pub(crate) fn world(&mut self, at: At, what: &str, subject: impl Display) {
        mix(&mut self.hash, at);
        mix(&mut self.hash, word(what));
        self.tell(at, || format!("{what} {subject}"));
    }

    fn tell(&self, at: At, line: impl FnOnce() -> String) {
        if self.is_told {
            say(format_args!("{:>14}  {}", told(at), line()));
        }
    }
}
