//! `asaas clouds`.

use controller::ports::Verdict;

use super::{lines, table};
use crate::api::CloudReport;

/// Each cloud, with what was found below it.
pub fn clouds(clouds: &[CloudReport]) -> String {
    let mut text = String::new();
    for cloud in clouds {
        text.push_str(&head(cloud));
        let mut table = table(&["", "", ""]);
        for finding in &cloud.checkup.findings {
            let mark = match finding.verdict {
                Verdict::Ok => "ok",
                Verdict::Warning => "note",
                Verdict::Missing => "MISSING",
            };
            table.add_row([mark, &finding.subject, &finding.detail]);
        }
        // Without the empty line of the header.
        let rows = lines(&table, "  ");
        text.push_str(rows.split_once('\n').map_or("", |(_, rows)| rows));
    }
    text
}

/// `kvm-a (local): 2 of 3 places taken, 0.10 an hour`
fn head(cloud: &CloudReport) -> String {
    let mut parts = Vec::new();
    if let Some(room) = cloud.checkup.room {
        parts.push(format!("{} of {} places taken", room.taken, room.limit));
    }
    if let Some(price) = cloud.price {
        parts.push(format!("{price} an hour"));
    }
    let parts = if parts.is_empty() {
        String::new()
    } else {
        format!(": {}", parts.join(", "))
    };
    format!("{} ({}){parts}\n", cloud.name, cloud.kind)
}

#[cfg(test)]
mod tests {
    use controller::amount::Amount;
    use controller::ports::{Checkup, Room};

    use super::*;

    #[test]
    fn a_cloud_is_told_with_what_it_lacks() {
        let checkup = Checkup {
            room: Some(Room { taken: 2, limit: 3 }),
            ..Checkup::default()
        };
        let cloud = CloudReport {
            name: "aws-eu".parse().unwrap(),
            kind: "aws".to_owned(),
            price: Some(Amount::from_millionths(100_000)),
            checkup: checkup.and("reachable", Verdict::Ok, "eu-central-1").and(
                "credentials",
                Verdict::Missing,
                "none; hint: set them",
            ),
        };

        assert_eq!(
            clouds(&[cloud]),
            "aws-eu (aws): 2 of 3 places taken, 0.1 an hour\n  ok       reachable    eu-central-1\n  MISSING  credentials  none; hint: set them\n"
        );
    }
}
