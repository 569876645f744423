//! Hears a tenant's journal from the service, piece by piece, and decides it again here: with the code of this command, which
//! may be newer than the service.

use std::collections::BTreeMap;
use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use controller::id::{Generation, TenantName};
use controller::replay::{Account, Replay};
use controller::spec::TenantSpec;
use controller::time::Now;
use indicatif::ProgressBar;
use jiff::Timestamp;

use crate::api::JournalReply;
use crate::client::{Client, ClientError};
use crate::store::SpecInForce;

/// What takes no longer than this needs no progress.
const QUIET: Duration = Duration::from_secs(2);
/// Elsewhere than on a terminal, a line is written this often.
const LINE: Duration = Duration::from_secs(5);

/// Which decisions are decided again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    /// From this time on.
    pub(super) from: Timestamp,
    /// Up to this time.
    pub(super) until: Timestamp,
    /// After so many pieces it is given up; `None` for never.
    pub(super) pieces: Option<usize>,
}

/// Decides again what was decided. `None` where that would take more pieces than were asked for.
pub(super) async fn decide_again(
    client: &Client,
    tenant: &TenantName,
    asked: Asked,
) -> Result<Option<Account>, ClientError> {
    let mut path = format!("/v1/tenants/{tenant}/journal?since={}", asked.from);
    let mut replay: Option<Replay> = None;
    let mut specs = Specs::default();
    let mut progress = Progress::begin();
    let mut pieces = 0;
    loop {
        let piece: JournalReply = client.get(&path).await?;
        pieces += 1;
        let replay = replay.get_or_insert_with(|| Replay::new(piece.tick, Some(asked.from)));
        let next = piece.next;
        let is_over = hear(replay, &mut specs, piece, asked.until, &mut progress);
        let Some(next) = next.filter(|_| !is_over) else {
            break;
        };
        if asked.pieces.is_some_and(|most| pieces >= most) {
            return Ok(None);
        }
        path = format!("/v1/tenants/{tenant}/journal?after={next}");
    }
    progress.end();
    Ok(replay.map(|replay| replay.end(&|seq, generation| specs.of(seq, generation))))
}

/// Takes a piece; whether it reaches beyond what was asked for.
fn hear(
    replay: &mut Replay,
    specs: &mut Specs,
    piece: JournalReply,
    until: Timestamp,
    progress: &mut Progress,
) -> bool {
    let JournalReply {
        before,
        entries,
        unread,
        specs: more,
        ..
    } = piece;
    specs.learn(more);
    let spec_of = |seq, generation| specs.of(seq, generation);
    if !before.is_empty() {
        replay.learn(before);
    }
    let mut unread = unread.into_iter().peekable();
    for entry in entries {
        while let Some(missed) = unread.next_if(|missed| missed.seq < entry.seq) {
            let at = Now {
                steady: missed.steady,
                wall: missed.at,
            };
            replay.miss(at, &spec_of);
        }
        if entry.at > until {
            return true;
        }
        progress.tell(entry.at);
        replay.hear(entry, &spec_of);
    }
    for missed in unread {
        let at = Now {
            steady: missed.steady,
            wall: missed.at,
        };
        replay.miss(at, &spec_of);
    }
    false
}

/// Every spec that was heard of.
#[derive(Default)]
struct Specs(BTreeMap<Generation, SpecInForce>);

impl Specs {
    fn learn(&mut self, more: Vec<SpecInForce>) {
        self.0
            .extend(more.into_iter().map(|spec| (spec.generation, spec)));
    }

    /// The spec of this generation, or where none is named, the last that was put in force before this entry.
    fn of(&self, seq: u64, generation: Generation) -> Option<&TenantSpec> {
        let known = if generation == Generation::default() {
            self.0.values().rev().find(|spec| spec.seq <= seq)
        } else {
            self.0.get(&generation)
        };
        known.and_then(|known| known.spec.as_ref())
    }
}

/// How far it is, where it takes long.
struct Progress {
    began: Instant,
    told: Option<Instant>,
    bar: Option<ProgressBar>,
}

impl Progress {
    fn begin() -> Self {
        Self {
            began: Instant::now(),
            told: None,
            bar: None,
        }
    }

    fn tell(&mut self, at: Timestamp) {
        let waited = self.began.elapsed();
        let often = if self.bar.is_some() { LINE / 50 } else { LINE };
        if waited < QUIET || self.told.is_some_and(|told| told.elapsed() < often) {
            return;
        }
        self.told = Some(Instant::now());
        let message = format!("heard up to {at:.0}");
        if stderr().is_terminal() {
            let bar = self.bar.get_or_insert_with(ProgressBar::new_spinner);
            bar.set_message(message);
            bar.tick();
        } else {
            super::say(&format!("… {message} ({} s)", waited.as_secs()));
        }
    }

    fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
