//! What a straight line leads to.

use super::*;
use crate::policy::Proactive;

/// CPU at 60 % over two minutes, of which ten instances in all give these percents, every ten seconds.
fn last_of(running: u32, proactive: Proactive, percents: &[f64]) -> Decision {
    let mut scene = Scene::new(running);
    let (monitor, target) = example::target(&mut scene.spec);
    monitor.window = seconds(120);
    target.proactive = proactive;
    let mut decision = Decision::default();
    for percent in percents {
        // The number is held, so that each tick is decided from the same.
        scene.history.in_force = Some(running);
        let each = percent / 100.0 / f64::from(running);
        let values = vec![each; running as usize];
        decision = scene.tick(10, [(Metric::Cpu, reading(&values))].into());
    }
    decision
}

fn line(from: f64, per_tick: f64) -> Vec<f64> {
    (0..12)
        .map(|tick| from + per_tick * f64::from(tick))
        .collect()
}

// S4-75: from 3.0 to 4.1 in all, 3.55 on average: ten would keep six and a bit; at the horizon of 60 s it is 4.7.
#[test]
fn a_rise_is_followed_to_where_it_will_be() {
    let rise = line(500.0, 10.0);
    assert_eq!(last_of(10, Proactive::Off, &rise).desired, 10);
    let decision = last_of(10, Proactive::On, &rise);
    assert_eq!(decision.desired, 12, "6.1 now, 6.7 in a minute");
    assert_eq!(
        decision.reason(),
        "cpu rises from 6.1 to 6.7 in all within 1m, the time to boot: ÷ 0.6 = 12"
    );
}

// S4-75: from 8.2 to 6.0 in all, 7.1 on average. Off: 7.1 ÷ 0.54 = 14 are enough; on, 6.0 ÷ 0.54 = 12.
#[test]
fn a_fall_is_followed_to_where_it_is_now() {
    let fall = line(820.0, -20.0);
    assert_eq!(last_of(16, Proactive::Off, &fall).desired, 14);
    let decision = last_of(16, Proactive::On, &fall);
    assert_eq!(decision.desired, 12);
    assert_eq!(
        guards(&decision),
        [Guard::Target, Guard::Trend, Guard::Projected]
    );
}

#[test]
fn a_fall_never_leads_below_what_is_there_at_this_tick() {
    let mut fall = line(820.0, -20.0);
    *fall.last_mut().unwrap() = 640.0;
    assert_eq!(
        last_of(16, Proactive::On, &fall).desired,
        12,
        "6.4 ÷ 0.54 = 11.9, though the line is lower"
    );
}

#[test]
fn a_load_that_only_jumps_about_has_no_trend() {
    let noise: Vec<f64> = (0..12)
        .map(|tick| if tick % 2 == 0 { 580.0 } else { 620.0 })
        .collect();
    let decision = last_of(11, Proactive::On, &noise);
    assert!(!guards(&decision).contains(&Guard::Trend));
}

// S4-74, S4-75
#[test]
fn a_forecast_alone_is_said_and_not_followed() {
    let decision = last_of(10, Proactive::ForecastOnly, &line(500.0, 10.0));
    assert_eq!(decision.desired, 10);
    let trend = decision
        .steps
        .iter()
        .find(|step| step.guard == Guard::Trend)
        .unwrap();
    assert_eq!(trend.number, 10);
    assert_eq!(
        trend.note,
        "forecast only: cpu rises from 6.1 to 6.7 in all within 1m, the time to boot: ÷ 0.6 = 12"
    );

    let fall = line(820.0, -20.0);
    let off = last_of(16, Proactive::Off, &fall);
    let only = last_of(16, Proactive::ForecastOnly, &fall);
    assert_eq!(only.desired, off.desired);
}

// S4-74
#[test]
fn neither_reactive_nor_proactive_moves_nothing() {
    for proactive in [Proactive::Off, Proactive::ForecastOnly] {
        for percent in [10, 90] {
            let mut scene = Scene::new(10);
            let (_, target) = example::target(&mut scene.spec);
            target.reactive = false;
            target.proactive = proactive;
            for _ in 0..6 {
                let decision = scene.tick_at(10, &Metric::Cpu, percent_of(percent));
                assert_eq!(decision.desired, 10);
            }
        }
    }
}
