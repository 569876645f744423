//! What a cloud has to choose from: where in it, on which machines, and how they are paid for.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One of a cloud's choices; AWS speaks of a capacity pool, Karpenter of an offering. It is frozen with an instance's intent: a
/// launch that is repeated has to be the same launch, so trying another machine or zone is another intent.
///
/// The default leaves each choice to the cloud's settings; a cloud that has none knows no other.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Offering {
    /// The zone, as its cloud calls it: `eu-central-1a`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// The machine type, as its cloud calls it: `t3.micro`, `e2-small`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// Cheaper, and the cloud may take it back at any time; otherwise on demand.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_spot: bool,
}

impl Offering {
    /// Whether every choice is left to the cloud's settings.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Offering {
    /// `t3.micro in eu-central-1a, spot`; nothing where nothing was chosen.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.machine.as_deref().unwrap_or_default())?;
        if let Some(zone) = &self.zone {
            let between = if self.machine.is_some() { " " } else { "" };
            write!(f, "{between}in {zone}")?;
        }
        let is_first = self.machine.is_none() && self.zone.is_none();
        match (self.is_spot, is_first) {
            (true, true) => f.write_str("spot"),
            (true, false) => f.write_str(", spot"),
            (false, _) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offering_is_told_in_a_few_words() {
        let offering = |zone: Option<&str>, machine: Option<&str>, is_spot| Offering {
            zone: zone.map(str::to_owned),
            machine: machine.map(str::to_owned),
            is_spot,
        };

        let all = offering(Some("z1"), Some("m1"), true);
        assert_eq!(all.to_string(), "m1 in z1, spot");
        assert_eq!(offering(Some("z1"), None, false).to_string(), "in z1");
        assert_eq!(offering(None, None, true).to_string(), "spot");
        assert_eq!(Offering::default().to_string(), "");
    }
}
