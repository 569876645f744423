//! What people are told about a cloud.

use serde::{Deserialize, Serialize};

/// How it stands with a cloud: what was looked at, in the order in which a person should mend it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkup {
    /// What was found. Where nothing can be reached, the rest is left out.
    pub findings: Vec<Finding>,
    /// How many instances of all tenants exist, and how many may; `None` where that is not known.
    pub room: Option<Room>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What: `reachable`, `credentials`, `image of web` …
    pub subject: String,
    /// How it is.
    pub verdict: Verdict,
    /// What was seen; where it is not well, what to do.
    pub detail: String,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It works, and somebody should know something.
    Warning,
    /// Instances cannot be made before this is mended.
    Missing,
}

/// Places for instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    /// Taken, by whomever.
    pub taken: u32,
    /// All there are.
    pub limit: u32,
}

impl Checkup {
    /// Notes one more thing.
    #[must_use]
    pub fn and(
        mut self,
        subject: impl Into<String>,
        verdict: Verdict,
        detail: impl Into<String>,
    ) -> Self {
        self.findings.push(Finding {
            subject: subject.into(),
            verdict,
            detail: detail.into(),
        });
        self
    }

    /// The worst of what was found.
    pub fn verdict(&self) -> Verdict {
        let verdicts = self.findings.iter().map(|finding| finding.verdict);
        verdicts.max().unwrap_or(Verdict::Ok)
    }
}
