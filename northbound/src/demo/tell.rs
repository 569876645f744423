//! The end of the demo: the chart, the promises, and where everything is.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use super::promises::{self, Facts};
use super::sight::Load;
use super::{Demo, DemoError, Played, TENANT, exec};
use crate::logs::{self, ActionRow, DecisionRow, Span};

const CHART_LIMIT: Duration = Duration::from_secs(20);

impl Demo {
    /// The chart, the promises, and where everything is.
    pub(super) async fn tell(
        &self,
        played: &Played,
        remains: &[String],
        took: Duration,
    ) -> Result<ExitCode, DemoError> {
        let chart = self.draw().await;
        let all = Span::default();
        let actions: Vec<ActionRow> = logs::read(&self.paths.out, &self.tenant, all)?;
        let decisions: Vec<DecisionRow> = logs::read(&self.paths.out, &self.tenant, all)?;
        let load = Load::read(&self.paths.load()).unwrap_or_default();
        let facts = Facts {
            report: &played.report,
            seconds: &load.seconds,
            story: &self.story,
            cast: &played.cast,
            actions: &actions,
            decisions: &decisions,
            remains,
            clouds: &played.clouds,
        };
        let promises = promises::promises(&facts);
        let broken = promises.iter().filter(|promise| !promise.is_kept).count();
        let screen = &self.screen;
        screen.line(&format!("\nThe demo took {:.0} s.\n", took.as_secs_f64()));
        for promise in &promises {
            screen.line(&format!("  {promise}"));
        }
        let total = &played.report.total;
        let reaction = promises::reaction(&facts)
            .unwrap_or_else(|| "not known: the threshold was not crossed".to_owned());
        let out = self.paths.out.display();
        screen.line("");
        for (name, figure) in [
            ("requests sent", total.sent.to_string()),
            (
                "requests failed",
                (total.failed + total.unfinished).to_string(),
            ),
            ("from breach to a new instance's answer", reaction),
            ("response time, p99", promises::latency(&load.seconds)),
            ("CSV files", format!("{out}/{TENANT}, {out}/load.csv")),
            ("chart", chart.unwrap_or_else(|problem| problem)),
        ] {
            screen.line(&format!("  {name:<40}{figure}"));
        }
        Ok(if broken == 0 {
            screen.line("\nEvery promise was kept.");
            ExitCode::SUCCESS
        } else {
            screen.line(&format!("\n{broken} promise(s) broken."));
            ExitCode::FAILURE
        })
    }

    /// Where the chart is, or why there is none.
    async fn draw(&self) -> Result<String, String> {
        let path = |path: PathBuf| path.into_os_string();
        let words: [OsString; 8] = [
            "chart".into(),
            TENANT.into(),
            "--logs".into(),
            path(self.paths.out.clone()),
            "--load".into(),
            path(self.paths.load()),
            "--out".into(),
            path(self.paths.chart()),
        ];
        match exec::run(&words, CHART_LIMIT).await {
            Ok(ended) if ended.status.success() => Ok(ended.stdout.trim().to_owned()),
            Ok(ended) => Err(format!("not drawn: {}", ended.stderr.trim())),
            Err(error) => Err(format!("not drawn: {error}")),
        }
    }
}
