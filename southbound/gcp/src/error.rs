//! From what Compute Engine and its client say to what the caller does next.
//!
//! Three things can go wrong, and each is told differently: a call is refused (HTTP status and reason), an operation that was
//! accepted ends with an error (a code), or nothing is heard that means anything.

use std::time::Duration;

use controller::id::CloudName;
use controller::ports::{CloudError, CloudErrorKind};
use google_cloud_compute_v1::model::Operation;
use google_cloud_gax::error::Error;
use google_cloud_gax::error::rpc::StatusDetails;

/// Longer answers are cut: they are shown to people, and some are whole pages of HTML.
const DETAIL_LIMIT: usize = 600;

/// Something did not work; the operation that it belonged to is added at the edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) kind: CloudErrorKind,
    /// The reason or code in Google's own word: `notFound`, `ZONE_RESOURCE_POOL_EXHAUSTED`. Empty where it gave none.
    pub(crate) reason: String,
    pub(crate) detail: String,
}

impl Trouble {
    pub(crate) fn new(kind: CloudErrorKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            reason: String::new(),
            detail: detail.into(),
        }
    }

    /// A call failed.
    pub(crate) fn call(error: &Error) -> Self {
        let reason = reason(error);
        let (status, said) = (error.http_status_code(), said(error));
        if error.is_authentication() {
            return Self::credentials(&said);
        }
        let kind = match status {
            Some(status) => refused(status, &reason),
            None if error.is_binding() || error.is_serialization() => CloudErrorKind::Rejected,
            None => CloudErrorKind::Unreachable,
        };
        let told = match status {
            Some(status) if reason.is_empty() => format!("HTTP {status}: {said}"),
            Some(status) => format!("HTTP {status} {reason}: {said}"),
            None => said,
        };
        Self::told(kind, reason, &told)
    }

    /// An operation ended with an error; `None` where it ended well, or has not ended.
    pub(crate) fn operation(operation: &Operation) -> Option<Self> {
        let errors = operation.error.iter().flat_map(|error| &error.errors);
        let first = errors.clone().next();
        let status = operation.http_error_status_code;
        if first.is_none() && operation.error.is_none() && status.is_none() {
            return None;
        }
        let code = first.and_then(|error| error.code.clone());
        let code = code.unwrap_or_default();
        let mut said: Vec<&str> = errors.filter_map(|each| each.message.as_deref()).collect();
        said.extend(
            operation
                .http_error_message
                .as_deref()
                .filter(|_| first.is_none()),
        );
        let kind = failed(&code, status.and_then(|status| u16::try_from(status).ok()));
        Some(Self::told(
            kind,
            code.clone(),
            &format!("{code}: {}", said.join("; ")),
        ))
    }

    /// No answer within this time.
    pub(crate) fn silent(limit: Duration) -> Self {
        let detail = format!("it did not answer within {} s", limit.as_secs_f32());
        Self::new(CloudErrorKind::Unreachable, detail)
    }

    /// There are no credentials, or Google does not take them.
    pub(crate) fn credentials(said: &str) -> Self {
        Self::told(
            CloudErrorKind::Denied,
            "authError".to_owned(),
            &format!("the credentials do not work: {said}"),
        )
    }

    fn told(kind: CloudErrorKind, reason: String, said: &str) -> Self {
        let said: String = said.chars().take(DETAIL_LIMIT).collect();
        let detail = match hint(kind, &reason) {
            "" => said,
            hint => format!("{said}; hint: {hint}"),
        };
        Self {
            kind,
            reason,
            detail,
        }
    }

    /// What was accepted may have happened, whatever went wrong afterwards: only looking tells.
    #[must_use]
    pub(crate) fn after_acceptance(self) -> Self {
        Self {
            kind: CloudErrorKind::Unreachable,
            ..self
        }
    }

    /// What a launch needs is not there: its zone, image or subnetwork. Not that the instance is not there, which `NotFound` of a
    /// launch would mean.
    #[must_use]
    pub(crate) fn in_asking(self) -> Self {
        let kind = if self.is_missing() {
            CloudErrorKind::Rejected
        } else {
            self.kind
        };
        Self { kind, ..self }
    }

    pub(crate) fn is_missing(&self) -> bool {
        self.kind == CloudErrorKind::NotFound
    }

    /// What was to be made is there already.
    pub(crate) fn is_conflict(&self) -> bool {
        self.reason == "alreadyExists"
    }

    /// Something else is being done with it.
    pub(crate) fn is_busy(&self) -> bool {
        self.reason == "resourceNotReady"
    }

    pub(crate) fn at(self, cloud: &CloudName, operation: String) -> CloudError {
        CloudError {
            cloud: cloud.clone(),
            kind: self.kind,
            operation,
            detail: self.detail,
        }
    }
}

/// Google's own word for why a call was refused.
fn reason(error: &Error) -> String {
    let details = error.status().map(|status| status.details.as_slice());
    let reason = details
        .unwrap_or_default()
        .iter()
        .find_map(|detail| match detail {
            StatusDetails::ErrorInfo(info) if !info.reason.is_empty() => Some(info.reason.clone()),
            _ => None,
        });
    reason.unwrap_or_default()
}

/// What an error says, its causes included, without repeating what a cause says already.
fn said(error: &Error) -> String {
    if let Some(status) = error.status().filter(|status| !status.message.is_empty()) {
        return status.message.clone();
    }
    let mut said = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let text = inner.to_string();
        if !said.contains(&text) {
            said = format!("{said}: {text}");
        }
        cause = inner.source();
    }
    said
}

/// A refused call. The reason goes before the status, since Google answers 403 to what is a quota and to what is forbidden.
/// <https://cloud.google.com/compute/docs/api/error-codes>
fn refused(status: u16, reason: &str) -> CloudErrorKind {
    match reason {
        "quotaExceeded" | "limitExceeded" | "RESOURCE_EXHAUSTED" => CloudErrorKind::NoCapacity,
        "rateLimitExceeded"
        | "userRateLimitExceeded"
        | "concurrentOperationQuotaExceeded"
        | "RATE_LIMIT_EXCEEDED"
        | "resourceNotReady" => CloudErrorKind::Throttled,
        "resourceInUseByAnotherResource" => CloudErrorKind::Rejected,
        _ if reason.starts_with("ZONE_RESOURCE_POOL_EXHAUSTED") => CloudErrorKind::NoCapacity,
        _ => match status {
            401 | 403 | 407 => CloudErrorKind::Denied,
            404 | 410 => CloudErrorKind::NotFound,
            408 | 425 => CloudErrorKind::Unreachable,
            429 => CloudErrorKind::Throttled,
            400..=499 => CloudErrorKind::Rejected,
            _ => CloudErrorKind::Unreachable,
        },
    }
}

/// An operation that was accepted and failed. The code says why; the status only where the code is not known.
fn failed(code: &str, status: Option<u16>) -> CloudErrorKind {
    match code {
        "QUOTA_EXCEEDED"
        | "LIMIT_EXCEEDED"
        | "RESOURCE_POOL_EXHAUSTED"
        | "STOCKOUT"
        | "IP_SPACE_EXHAUSTED"
        | "SUBNET_EXHAUSTED"
        | "UNSUPPORTED_OPERATION_INSUFFICIENT_CAPACITY" => CloudErrorKind::NoCapacity,
        _ if code.starts_with("ZONE_RESOURCE_POOL_EXHAUSTED") => CloudErrorKind::NoCapacity,
        _ if code.starts_with("IP_SPACE_EXHAUSTED") => CloudErrorKind::NoCapacity,
        "RATE_LIMIT_EXCEEDED" | "CONCURRENT_OPERATION_QUOTA_EXCEEDED" | "RESOURCE_NOT_READY" => {
            CloudErrorKind::Throttled
        }
        "PERMISSIONS_ERROR" | "SERVICE_ACCOUNT_ACCESS_DENIED" | "FORBIDDEN" => {
            CloudErrorKind::Denied
        }
        "RESOURCE_NOT_FOUND" | "NOT_FOUND" => CloudErrorKind::Rejected,
        "INTERNAL_ERROR" | "BACKEND_ERROR" | "TIMEOUT" => CloudErrorKind::Unreachable,
        _ => match status {
            Some(429) => CloudErrorKind::Throttled,
            Some(401 | 403) => CloudErrorKind::Denied,
            Some(400..=499) => CloudErrorKind::Rejected,
            _ => CloudErrorKind::Unreachable,
        },
    }
}

/// What a person can do.
fn hint(kind: CloudErrorKind, reason: &str) -> &'static str {
    match reason {
        "authError" => {
            "log in anew with `gcloud auth application-default login`, or name a service account's key file in the settings"
        }
        "quotaExceeded" | "QUOTA_EXCEEDED" | "limitExceeded" | "LIMIT_EXCEEDED" => {
            "ask Google for a higher quota in this region, or remove what is not needed"
        }
        "accessNotConfigured" | "SERVICE_DISABLED" => {
            "enable the Compute Engine API in the project"
        }
        "IP_IN_USE_BY_ANOTHER_RESOURCE" => {
            "something that is not ours has the address: give the tenant a subnetwork of its own"
        }
        "insufficientPermissions" | "ACCESS_TOKEN_SCOPE_INSUFFICIENT" => {
            "the credentials lack the scope `cloud-platform`"
        }
        "conditionNotMet" => {
            "look at the resource in the console: it is protected, or somebody changed it at the same time"
        }
        _ if reason.starts_with("ZONE_RESOURCE_POOL_EXHAUSTED") => {
            "Google has no such machine left in this zone: allow other zones or machine types"
        }
        _ if kind == CloudErrorKind::Denied => {
            "give the service's account the role Compute Instance Admin (v1), and Compute Network Admin where it makes networks"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use google_cloud_compute_v1::model::operation::Error as OperationError;
    use google_cloud_compute_v1::model::operation::error::Errors;

    use super::*;

    #[test]
    fn the_reason_goes_before_the_status() {
        let table = [
            (403, "quotaExceeded", CloudErrorKind::NoCapacity),
            (403, "rateLimitExceeded", CloudErrorKind::Throttled),
            (403, "userRateLimitExceeded", CloudErrorKind::Throttled),
            (403, "forbidden", CloudErrorKind::Denied),
            (403, "accessNotConfigured", CloudErrorKind::Denied),
            (403, "", CloudErrorKind::Denied),
            (401, "authError", CloudErrorKind::Denied),
            (400, "invalid", CloudErrorKind::Rejected),
            (400, "resourceNotReady", CloudErrorKind::Throttled),
            (
                400,
                "resourceInUseByAnotherResource",
                CloudErrorKind::Rejected,
            ),
            (404, "notFound", CloudErrorKind::NotFound),
            (408, "", CloudErrorKind::Unreachable),
            (409, "alreadyExists", CloudErrorKind::Rejected),
            (412, "conditionNotMet", CloudErrorKind::Rejected),
            (413, "uploadTooLarge", CloudErrorKind::Rejected),
            (429, "", CloudErrorKind::Throttled),
            (500, "backendError", CloudErrorKind::Unreachable),
            (502, "", CloudErrorKind::Unreachable),
            (503, "backendError", CloudErrorKind::Unreachable),
            (
                503,
                "ZONE_RESOURCE_POOL_EXHAUSTED",
                CloudErrorKind::NoCapacity,
            ),
            (504, "", CloudErrorKind::Unreachable),
            (302, "", CloudErrorKind::Unreachable),
        ];
        for (status, reason, kind) in table {
            assert_eq!(refused(status, reason), kind, "{status} {reason}");
        }
    }

    #[test]
    fn the_code_of_a_failed_operation_says_what_to_do_next() {
        let table = [
            (
                "ZONE_RESOURCE_POOL_EXHAUSTED",
                503,
                CloudErrorKind::NoCapacity,
            ),
            (
                "ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS",
                503,
                CloudErrorKind::NoCapacity,
            ),
            ("QUOTA_EXCEEDED", 403, CloudErrorKind::NoCapacity),
            ("IP_SPACE_EXHAUSTED", 400, CloudErrorKind::NoCapacity),
            ("RATE_LIMIT_EXCEEDED", 403, CloudErrorKind::Throttled),
            ("PERMISSIONS_ERROR", 403, CloudErrorKind::Denied),
            (
                "IP_IN_USE_BY_ANOTHER_RESOURCE",
                400,
                CloudErrorKind::Rejected,
            ),
            ("CONDITION_NOT_MET", 412, CloudErrorKind::Rejected),
            ("RESOURCE_NOT_FOUND", 404, CloudErrorKind::Rejected),
            ("INTERNAL_ERROR", 500, CloudErrorKind::Unreachable),
            ("NEVER_HEARD_OF", 403, CloudErrorKind::Denied),
            ("NEVER_HEARD_OF", 503, CloudErrorKind::Unreachable),
        ];
        for (code, status, kind) in table {
            let errors = OperationError::new().set_errors([Errors::new().set_code(code)]);
            let operation = Operation::new()
                .set_error(errors)
                .set_http_error_status_code(status);
            assert_eq!(
                Trouble::operation(&operation).map(|trouble| trouble.kind),
                Some(kind),
                "{code} {status}"
            );
        }
        assert_eq!(Trouble::operation(&Operation::new()), None);
    }

    #[test]
    fn a_page_of_html_is_cut() {
        let told = Trouble::told(
            CloudErrorKind::Unreachable,
            String::new(),
            &"<p>".repeat(10_000),
        );
        assert_eq!(told.detail.len(), DETAIL_LIMIT);
    }
}
