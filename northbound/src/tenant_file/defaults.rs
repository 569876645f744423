//! What a tenant gets without asking: each number once, with where it comes from. The operator may set others.

use controller::amount::Amount;
use controller::id::TemplateName;
use jiff::SignedDuration;

use crate::reader::Section;

/// The field's usual target for processor time, and the example of S4-79.
pub(crate) const THRESHOLD: Amount = Amount::from_millionths(600_000);
/// The shortest of S4-73's averages.
pub(crate) const WINDOW: SignedDuration = SignedDuration::from_mins(5);
/// Kubernetes' tolerance: smaller deviations are noise.
pub(crate) const TOLERANCE: Amount = Amount::from_millionths(100_000);
/// S4-86: "around 2 mins".
pub(crate) const BUFFER: SignedDuration = SignedDuration::from_mins(2);
/// Kubernetes' and Google's stabilization of a scale-in lie at 5 and 10 minutes.
pub(crate) const STABILIZATION: SignedDuration = SignedDuration::from_mins(5);
/// Google's initialization period: start-up work is not load.
pub(crate) const WARM_UP: SignedDuration = SignedDuration::from_secs(60);
/// Most requests end within it; Kubernetes' grace period.
pub(crate) const DRAIN: SignedDuration = SignedDuration::from_secs(30);
/// Three failures then show within 6 s, at one small request every two.
pub(crate) const HEALTH_EVERY: SignedDuration = SignedDuration::from_secs(2);
/// Kubernetes' probe timeout.
pub(crate) const HEALTH_TIMEOUT: SignedDuration = SignedDuration::from_secs(1);
/// Kubernetes' and `HAProxy`'s: one lost answer is chance, three are not.
pub(crate) const UNHEALTHY_AFTER: u32 = 3;
/// An instance that answers is of use at once.
pub(crate) const HEALTHY_AFTER: u32 = 1;
/// What the demo app answers on.
pub(crate) const HEALTH_PATH: &str = "/health";
/// A slow cloud boots an image in 5; the rest is for the image's own work.
pub(crate) const BOOT_TIMEOUT: SignedDuration = SignedDuration::from_mins(15);
/// Never above max unless asked for.
pub(crate) const SURGE: u32 = 0;
/// The public port, and the one that the demo app listens on.
pub(crate) const PUBLIC_PORT: u16 = 80;
pub(crate) const SERVICE_PORT: u16 = 8080;

/// What is taken where a tenant's file leaves a key out: [`Defaults::default`], with what the operator's file says over it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defaults {
    /// `instances.template`; `None` for the template called `default`, or else the operator's first.
    pub template: Option<TemplateName>,
    /// `instances.surge`.
    pub surge: u32,
    /// `instances.boot_timeout`.
    pub boot_timeout: SignedDuration,
    /// `health.http`.
    pub health_path: String,
    /// `health.every`.
    pub health_every: SignedDuration,
    /// `health.timeout`; a shorter `every` shortens it.
    pub health_timeout: SignedDuration,
    /// `health.unhealthy_after`.
    pub unhealthy_after: u32,
    /// `health.healthy_after`.
    pub healthy_after: u32,
    /// `policy.dynamic.threshold`, for metrics that are a share of one.
    pub threshold: Amount,
    /// `policy.dynamic.window`.
    pub window: SignedDuration,
    /// `policy.dynamic.tolerance`.
    pub tolerance: Amount,
    /// `policy.buffer`.
    pub buffer: SignedDuration,
    /// `policy.drain`.
    pub drain: SignedDuration,
    /// `policy.stabilization`.
    pub stabilization: SignedDuration,
    /// `policy.warm_up`.
    pub warm_up: SignedDuration,
    /// `policy.max_step_out`.
    pub max_step_out: Option<u32>,
    /// `policy.max_step_in`.
    pub max_step_in: Option<u32>,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            template: None,
            surge: SURGE,
            boot_timeout: BOOT_TIMEOUT,
            health_path: HEALTH_PATH.to_owned(),
            health_every: HEALTH_EVERY,
            health_timeout: HEALTH_TIMEOUT,
            unhealthy_after: UNHEALTHY_AFTER,
            healthy_after: HEALTHY_AFTER,
            threshold: THRESHOLD,
            window: WINDOW,
            tolerance: TOLERANCE,
            buffer: BUFFER,
            drain: DRAIN,
            stabilization: STABILIZATION,
            warm_up: WARM_UP,
            max_step_out: None,
            max_step_in: None,
        }
    }
}

/// The section `defaults` of the operator's file, over the built-in ones.
pub(crate) fn read_defaults(section: &Section<'_>) -> Defaults {
    let base = Defaults::default();
    let instances = section.section("instances");
    let health = section.section("health");
    let policy = section.section("policy");
    let dynamic = policy.section("dynamic");
    let duration = |of: &Section<'_>, name, or| of.duration(name).map_or(or, |given| given.value);
    let whole = |of: &Section<'_>, name, or| of.whole(name).map_or(or, |given| given.value);
    let share = |of: &Section<'_>, name, or| of.share(name).map_or(or, |given| given.value);
    Defaults {
        template: instances.name("template").map(|given| given.value),
        surge: whole(&instances, "surge", base.surge),
        boot_timeout: duration(&instances, "boot_timeout", base.boot_timeout),
        health_path: super::service::path(&health).unwrap_or(base.health_path),
        health_every: duration(&health, "every", base.health_every),
        health_timeout: duration(&health, "timeout", base.health_timeout),
        unhealthy_after: whole(&health, "unhealthy_after", base.unhealthy_after),
        healthy_after: whole(&health, "healthy_after", base.healthy_after),
        threshold: share(&dynamic, "threshold", base.threshold),
        window: duration(&dynamic, "window", base.window),
        tolerance: share(&dynamic, "tolerance", base.tolerance),
        buffer: duration(&policy, "buffer", base.buffer),
        drain: duration(&policy, "drain", base.drain),
        stabilization: duration(&policy, "stabilization", base.stabilization),
        warm_up: duration(&policy, "warm_up", base.warm_up),
        max_step_out: policy.whole("max_step_out").map(|given| given.value),
        max_step_in: policy.whole("max_step_in").map(|given| given.value),
    }
}
