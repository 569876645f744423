//! What a search has found, for people and programs.

use std::fmt::Write;

use controller::amount::Amount;
use controller::backtest::Score;
use controller::spec::TenantSpec;
use controller::tune::{Pair, Tuned, Verdict};
use serde::Serialize;

use super::lines::difference;
use crate::problem::counted;
use crate::tenant_file::to_long_form;

/// What a search has found.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The policy's file.
    pub file: String,
    /// The load that it was tried on.
    pub trace: String,
    /// The share of load that must meet enough capacity.
    pub goal: Amount,
    /// What one instance carries.
    pub capacity: f64,
    /// How many days it was chosen on.
    pub chosen_days: f64,
    /// How many days were held out.
    pub held_out_days: f64,
    /// How many backtests were made.
    pub trials: u32,
    /// What follows.
    pub verdict: Verdict,
    /// What is different, in words; empty where nothing is proposed.
    pub changes: Vec<String>,
    /// The proposal as lines of the tenant file; empty where nothing is proposed.
    pub difference: String,
    /// On the part that it was chosen on.
    pub chosen_on: Evidence,
    /// On the part that was held out.
    pub held_out: Evidence,
}

/// The policy as it was, and as it was found, on one part of the load.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Evidence {
    /// As it was.
    pub old: Figures,
    /// As it was found.
    pub new: Figures,
}

/// The figures that a proposal is judged by.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Figures {
    /// The share of the load that met too little capacity, in percent.
    pub slo_miss: f64,
    /// Instance-hours, boots included.
    pub vm_hours: f64,
    /// The same over what an oracle would be billed.
    pub cost_over_oracle: f64,
    /// How often an hour the number changed.
    pub actions_per_hour: f64,
    /// How often it turned from rising to falling or back, in the worst hour.
    pub flaps: u32,
}

impl From<Score> for Figures {
    fn from(score: Score) -> Self {
        Self {
            slo_miss: score.slo,
            vm_hours: score.billed_h,
            cost_over_oracle: score.over,
            actions_per_hour: score.adapt_h,
            flaps: score.turns,
        }
    }
}

impl From<Pair> for Evidence {
    fn from(pair: Pair) -> Self {
        Self {
            old: pair.old.into(),
            new: pair.new.into(),
        }
    }
}

impl Report {
    /// The report of a search. `names` are the file and the trace as people know them; `days` those chosen on and held out.
    pub fn new(
        names: (&str, &str),
        old: &TenantSpec,
        goal: Amount,
        capacity: f64,
        days: (f64, f64),
        tuned: &Tuned,
    ) -> Self {
        let is_proposed = tuned.verdict == Verdict::Better;
        Self {
            file: names.0.to_owned(),
            trace: names.1.to_owned(),
            goal,
            capacity,
            chosen_days: days.0,
            held_out_days: days.1,
            trials: tuned.trials,
            verdict: tuned.verdict,
            changes: if is_proposed {
                tuned.changes.clone()
            } else {
                Vec::new()
            },
            difference: if is_proposed {
                difference(&to_long_form(old), &to_long_form(&tuned.spec))
            } else {
                String::new()
            },
            chosen_on: tuned.chosen_on.into(),
            held_out: tuned.held_out.into(),
        }
    }

    /// As people read it.
    pub fn text(&self) -> String {
        let mut text = format!(
            "{} on {}: goal {} %, {} an instance, {}\n",
            self.file,
            self.trace,
            self.goal.as_f64() * 100.0,
            self.capacity,
            counted(self.trials, "backtest"),
        );
        let mut table = crate::show::table(&[
            "ON",
            "POLICY",
            "SLO MISS %",
            "VM-HOURS",
            "OVER ORACLE",
            "ACTIONS/H",
            "FLAPS/H",
        ]);
        let parts = [
            (
                format!("{:.1} days, chosen on", self.chosen_days),
                &self.chosen_on,
            ),
            (
                format!("{:.1} days, held out", self.held_out_days),
                &self.held_out,
            ),
        ];
        for (part, evidence) in &parts {
            table.add_row(row(part, "old", &evidence.old));
            table.add_row(row(part, "new", &evidence.new));
        }
        text.push_str(&crate::show::lines(&table, "  "));
        text.push('\n');
        text.push_str(match self.verdict {
            Verdict::Better => "proposed, better on the held-out days too; nothing was changed:\n",
            Verdict::NothingBetter => "nothing better was found: the policy stays as it is\n",
            Verdict::NotProved => {
                "nothing is proposed: what was better on the days it was chosen on is not on the held-out days\n"
            }
        });
        for change in &self.changes {
            let _ = writeln!(text, "  ~ {change}");
        }
        if !self.difference.is_empty() {
            text.push('\n');
            text.push_str(&self.difference);
        }
        text
    }
}

fn row(part: &str, which: &str, figures: &Figures) -> [String; 7] {
    let Figures {
        slo_miss,
        vm_hours,
        cost_over_oracle,
        actions_per_hour,
        flaps,
    } = figures;
    [
        part.to_owned(),
        which.to_owned(),
        format!("{slo_miss:.2}"),
        format!("{vm_hours:.1}"),
        format!("{cost_over_oracle:.3}"),
        format!("{actions_per_hour:.2}"),
        flaps.to_string(),
    ]
}
