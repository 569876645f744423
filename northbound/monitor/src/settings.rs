//! What a monitor has to know, as one line of text, so that it passes through an argument, a variable, a file or the kernel's
//! command line alike: `19.0.0.1:9125,i-…,<credential>`, and where it is not the default, `,every=30s`.

use std::fmt;
use std::io::Read as _;
use std::net::SocketAddrV4;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

/// Where the gateway of an instance's subnet listens.
pub const PORT: u16 = 9125;
/// From one reading to the next, unless it is set.
const EVERY: Duration = Duration::from_secs(10);
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_hours(1);
/// The variable of the environment.
pub(crate) const VARIABLE: &str = "ASAAS_MONITOR";
/// Where cloud-init or an image puts it.
const FILE: &str = "/etc/asaas/monitor";
/// What the kernel was started with.
const KERNEL: &str = "/proc/cmdline";
const KERNEL_KEY: &str = "asaas.monitor=";
/// Both files are lines, not data.
const FILE_LIMIT: u64 = 16 << 10;

/// Whom to tell, as whom, and how often.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// The gateway of the instance's subnet.
    pub service: SocketAddrV4,
    /// Its own id.
    pub instance: String,
    /// The proof that it is this instance.
    pub credential: String,
    /// From one reading to the next.
    pub every: Duration,
}

/// The credential is a secret, also in a log.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("service", &self.service)
            .field("instance", &self.instance)
            .field("every", &self.every)
            .finish_non_exhaustive()
    }
}

/// A line that cannot be understood, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingsError {
    /// Not as it should be; the text itself is not repeated, for it holds a secret.
    Malformed(&'static str),
    /// No source has any.
    Missing,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => write!(
                f,
                "{what}; settings read `<gateway>:{PORT},<instance>,<credential>[,every=10s]`"
            ),
            Self::Missing => write!(
                f,
                "nobody says whom to tell; give `--settings`, set {VARIABLE}, write {FILE}, or start the kernel with \
                 `{KERNEL_KEY}…`"
            ),
        }
    }
}

impl std::error::Error for SettingsError {}

impl FromStr for Settings {
    type Err = SettingsError;

    fn from_str(text: &str) -> Result<Self, SettingsError> {
        let malformed = SettingsError::Malformed;
        let mut parts = text.trim().split(',');
        let mut part = || parts.next().filter(|part| !part.is_empty());
        let service = part().and_then(|part| part.parse().ok());
        let service = service.ok_or(malformed("the gateway is no address and port"))?;
        let word = |part: Option<&str>| {
            // Both become a part of a request, where anything else would have a meaning of its own.
            let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            let fits = |part: &&str| part.len() <= 128 && part.chars().all(is_word);
            part.filter(fits).map(str::to_owned)
        };
        let instance = word(part()).ok_or(malformed("there is no instance"))?;
        let credential = word(part()).ok_or(malformed("there is no credential"))?;
        let every = match part() {
            None => EVERY,
            Some(part) => part
                .strip_prefix("every=")
                .and_then(duration)
                .ok_or(malformed("`every` is no time from 100ms to 1h"))?,
        };
        match part() {
            Some(_) => Err(malformed("there is too much of it")),
            None => Ok(Self {
                service,
                instance,
                credential,
                every,
            }),
        }
    }
}

impl fmt::Display for Settings {
    /// As it is parsed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            service,
            instance,
            credential,
            every,
        } = self;
        let every = every.as_millis();
        write!(f, "{service},{instance},{credential},every={every}ms")
    }
}

/// `500ms`, `10s`, `5m`; `None` where it is none of these or out of bounds.
fn duration(text: &str) -> Option<Duration> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(split);
    let factor = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        _ => return None,
    };
    let duration = Duration::from_millis(number.parse::<u64>().ok()?.checked_mul(factor)?);
    (SHORTEST..=LONGEST).contains(&duration).then_some(duration)
}

impl Settings {
    /// The same, but for the pace: `500ms`, `10s`, `5m`.
    ///
    /// # Errors
    /// It is none of these, or out of bounds.
    pub fn with_every(self, every: &str) -> Result<Self, SettingsError> {
        let every = duration(every).ok_or(SettingsError::Malformed(
            "`every` is no time from 100ms to 1h",
        ))?;
        Ok(Self { every, ..self })
    }

    /// From the first source that has any: `argument`, the environment, the file, the kernel's command line.
    ///
    /// # Errors
    /// The first that there is makes no sense, or there is none.
    pub fn find(argument: Option<&str>) -> Result<Self, SettingsError> {
        let sources = [
            argument.map(str::to_owned),
            std::env::var(VARIABLE).ok(),
            read(Path::new(FILE)),
            read(Path::new(KERNEL)).and_then(|line| of_kernel(&line).map(str::to_owned)),
        ];
        let is_there = |text: &String| !text.trim().is_empty();
        let first = sources.into_iter().flatten().find(is_there);
        first.ok_or(SettingsError::Missing)?.parse()
    }
}

fn read(path: &Path) -> Option<String> {
    let mut text = String::new();
    let file = std::fs::File::open(path).ok()?;
    file.take(FILE_LIMIT).read_to_string(&mut text).ok()?;
    Some(text)
}

fn of_kernel(line: &str) -> Option<&str> {
    line.split_whitespace()
        .find_map(|word| word.strip_prefix(KERNEL_KEY))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "19.0.0.1:9125,i-7,c0ffee";

    #[test]
    fn a_line_says_all_and_is_written_as_it_is_read() {
        let settings: Settings = LINE.parse().unwrap();

        assert_eq!(settings.service.port(), PORT);
        assert_eq!((&*settings.instance, settings.every), ("i-7", EVERY));
        assert_eq!(settings.to_string().parse(), Ok(settings));
        let often: Settings = format!("{LINE},every=500ms").parse().unwrap();
        assert_eq!(often.every, Duration::from_millis(500));
    }

    #[test]
    fn what_could_not_be_sent_or_is_not_whole_is_refused_without_repeating_the_secret() {
        for line in [
            "",
            "19.0.0.1,i-7,c0ffee",
            "19.0.0.1:9125,i-7",
            "19.0.0.1:9125,,c0ffee",
            "19.0.0.1:9125,i-7,c0ffee\r\nX: y",
            "19.0.0.1:9125,i-7,c0ffee,every=0s",
            "19.0.0.1:9125,i-7,c0ffee,every=10",
            "19.0.0.1:9125,i-7,c0ffee,every=10s,more",
        ] {
            let refused = line.parse::<Settings>().unwrap_err().to_string();
            assert!(!refused.contains("c0ffee"), "{line}: {refused}");
        }
        let settings: Settings = LINE.parse().unwrap();
        assert!(!format!("{settings:?}").contains("c0ffee"));
    }

    #[test]
    fn the_kernels_line_has_it_among_other_words() {
        let line = format!("root=/dev/vda1 asaas.monitor={LINE} quiet\n");

        assert_eq!(of_kernel(&line), Some(LINE));
        assert_eq!(of_kernel("root=/dev/vda1 quiet"), None);
    }

    #[test]
    fn an_argument_goes_first() {
        let settings = Settings::find(Some(LINE)).unwrap();

        assert_eq!(settings, LINE.parse().unwrap());
    }
}
