//! From EC2's error codes to what the caller does next.
//!
//! Only a refusal that EC2 has put its code to proves that nothing was done. Everything else (no answer, half an answer, a
//! proxy's page) may have been preceded by the deed, and is `Unreachable`.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use controller::id::CloudName;
use controller::ports::{CloudError, CloudErrorKind};

use crate::wire;

use CloudErrorKind::{Denied, NoCapacity, NotFound, Rejected, Throttled, Unreachable};

/// What to do about each code; `*` stands for the rest of it. The first that fits counts.
pub(crate) const CODES: &[(&str, CloudErrorKind, &str)] = &[
    ("InsufficientInstanceCapacity", NoCapacity, ""),
    ("InsufficientHostCapacity", NoCapacity, ""),
    ("InsufficientReservedInstanceCapacity", NoCapacity, ""),
    ("InsufficientCapacity*", NoCapacity, ""),
    ("InsufficientVolumeCapacity", NoCapacity, ""),
    ("UnfulfillableCapacity", NoCapacity, ""),
    ("SpotMaxPriceTooLow", NoCapacity, ""),
    (
        "Unsupported",
        NoCapacity,
        "name machine types that the zone offers: `asaas clouds` tells which it does not",
    ),
    (
        "InsufficientFreeAddressesInSubnet",
        NoCapacity,
        "give the tenant a larger range, or fewer zones",
    ),
    (
        "InvalidIPAddress.InUse",
        NoCapacity,
        "see who has the address: EC2, network interfaces",
    ),
    ("RequestLimitExceeded", Throttled, ""),
    ("ResourceCountExceeded", Throttled, ""),
    ("BandwidthLimitExceeded", Throttled, ""),
    ("Throttl*", Throttled, ""),
    ("EC2ThrottledException", Throttled, ""),
    ("RequestThrottled*", Throttled, ""),
    ("TooManyRequests*", Throttled, ""),
    ("SlowDown", Throttled, ""),
    ("PriorRequestNotComplete", Throttled, ""),
    (
        "*LimitExceeded",
        NoCapacity,
        "ask AWS to raise the quota: Service Quotas, Amazon EC2",
    ),
    (
        "MaxSpotInstanceCountExceeded",
        NoCapacity,
        "ask AWS to raise the quota: Service Quotas, Amazon EC2, spot requests",
    ),
    (
        "AuthFailure",
        Denied,
        "see whether the access key is right, and whose account the image and the subnet belong to",
    ),
    (
        "SignatureDoesNotMatch",
        Denied,
        "see whether the secret access key is right",
    ),
    (
        "InvalidClientTokenId",
        Denied,
        "see whether the access key still exists",
    ),
    (
        "UnrecognizedClientException",
        Denied,
        "see whether the access key still exists",
    ),
    (
        "MissingAuthenticationToken",
        Denied,
        "give the service credentials: a profile, the environment, or a role of its machine",
    ),
    (
        "IncompleteSignature",
        Denied,
        "see whether the access key is right",
    ),
    (
        "RequestExpired",
        Denied,
        "set this machine's clock, or renew the session's credentials",
    ),
    ("ExpiredToken*", Denied, "renew the session's credentials"),
    (
        "UnauthorizedOperation",
        Denied,
        "allow it to this access key: IAM, its policies",
    ),
    (
        "AccessDenied*",
        Denied,
        "allow it to this access key: IAM, its policies",
    ),
    (
        "Client.UnauthorizedOperation",
        Denied,
        "allow it to this access key: IAM, its policies",
    ),
    (
        "OptInRequired",
        Denied,
        "subscribe the account to EC2 in this region, or to the image's product",
    ),
    ("Blocked", Denied, "the account is blocked: ask AWS support"),
    (
        "PendingVerification",
        Denied,
        "AWS is still verifying the account: wait for its mail",
    ),
    (
        "OperationNotPermitted",
        Denied,
        "see whether the instance is protected by other hands",
    ),
    ("IdempotentInstanceTerminated", NotFound, ""),
    ("InvalidInstanceID.NotFound", NotFound, ""),
    ("InvalidInstanceID.Malformed", NotFound, ""),
    ("InvalidInstanceID", NotFound, ""),
    (
        "IdempotentParameterMismatch",
        Rejected,
        "what the template says has changed since this instance was asked for",
    ),
    (
        "InvalidAMIID*",
        Rejected,
        "name an image of this region: `asaas clouds` tells which template lacks one",
    ),
    (
        "InvalidAMI*",
        Rejected,
        "name an image of this region that is available",
    ),
    (
        "InvalidInstanceType*",
        Rejected,
        "name machine types that EC2 knows",
    ),
    (
        "InvalidKeyPair.NotFound",
        Rejected,
        "name a key pair of this region",
    ),
    (
        "InvalidLaunchTemplate*",
        Rejected,
        "name a launch template of this region, and a version that it has",
    ),
    (
        "InvalidSubnetID.NotFound",
        Rejected,
        "name a subnet of this region",
    ),
    (
        "InvalidGroup.NotFound",
        Rejected,
        "name a security group of the subnet's VPC",
    ),
    (
        "InvalidAvailabilityZone",
        Rejected,
        "name zones of this region",
    ),
    (
        "DependencyViolation",
        Rejected,
        "see what else is in the tenant's VPC: EC2, network interfaces",
    ),
    ("IncorrectInstanceState", Rejected, ""),
    ("UnsupportedOperation", Rejected, ""),
    (
        "UnsupportedHibernationConfiguration",
        Rejected,
        "switch hibernation off, or take a machine type and an image that can",
    ),
    ("UnknownParameter", Rejected, ""),
    ("Missing*", Rejected, ""),
    ("Malformed*", Rejected, ""),
    ("Invalid*", Rejected, ""),
    ("InternalError", Unreachable, ""),
    ("InternalFailure", Unreachable, ""),
    ("ServiceUnavailable", Unreachable, ""),
    ("Unavailable", Unreachable, ""),
];

/// Something did not work; the operation that it belonged to is added at the edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) kind: CloudErrorKind,
    /// EC2's own code, where it gave one.
    pub(crate) code: Option<String>,
    pub(crate) detail: String,
}

fn fits(pattern: &str, code: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == code,
        Some((head, tail)) => {
            code.len() >= head.len() + tail.len() && code.starts_with(head) && code.ends_with(tail)
        }
    }
}

/// The innermost causes say what happened, the outer ones where.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut said: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        let text = cause.to_string();
        if !said.iter().any(|earlier| earlier.contains(&text)) {
            said.push(text);
        }
        next = cause.source();
    }
    said.join(": ")
}

fn find_credentials<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a CredentialsError> {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(found) = cause.downcast_ref() {
            return Some(found);
        }
        next = cause.source();
    }
    None
}

impl Trouble {
    pub(crate) fn new(kind: CloudErrorKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            code: None,
            detail: detail.into(),
        }
    }

    /// EC2 has answered with this code. One that nobody has told us of is a refusal where EC2 blames the caller (4xx), and
    /// says nothing where it blames itself.
    pub(crate) fn refusal(code: &str, message: &str, status: u16) -> Self {
        let known = CODES.iter().find(|(pattern, ..)| fits(pattern, code));
        let unknown = if (400..500).contains(&status) {
            Rejected
        } else {
            Unreachable
        };
        let (kind, hint) = known.map_or((unknown, ""), |(_, kind, hint)| (*kind, *hint));
        let hint = if hint.is_empty() {
            String::new()
        } else {
            format!("; hint: {hint}")
        };
        Self {
            kind,
            code: Some(code.to_owned()),
            detail: format!("{code}: {message}{hint}"),
        }
    }

    /// What the SDK has made of a call that did not go well.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "it is what `map_err` hands over"
    )]
    pub(crate) fn of<E>(error: SdkError<E>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let (status, is_whole) = error.raw_response().map_or((0, false), |raw| {
            let body = raw.body().bytes().unwrap_or_default();
            (raw.status().as_u16(), wire::check(body).is_ok())
        });
        let code = error.code().filter(|code| !code.is_empty() && is_whole);
        if let (Some(code), true) = (code, status >= 400) {
            return Self::refusal(code, error.message().unwrap_or_default(), status);
        }
        if let Some(cause) = find_credentials(&error) {
            return Self::credentials(cause);
        }
        match status {
            429 => Self::new(Throttled, "answered with 429 and no word of EC2's"),
            0 => Self::new(Unreachable, causes(&error)),
            _ => Self::new(
                Unreachable,
                format!(
                    "answered with {status}, and not as EC2 does: {}",
                    causes(&error)
                ),
            ),
        }
    }

    fn credentials(cause: &CredentialsError) -> Self {
        let hint = "hint: give the service credentials: a profile, the environment, or a role of its machine";
        let kind = match cause {
            CredentialsError::CredentialsNotLoaded(_)
            | CredentialsError::InvalidConfiguration(_) => Denied,
            _ => Unreachable,
        };
        Self::new(kind, format!("no credentials: {}; {hint}", causes(cause)))
    }

    pub(crate) fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
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
