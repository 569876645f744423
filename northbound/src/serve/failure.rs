//! From what goes wrong inside to what the caller is told.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use controller::id::TenantName;
use controller::ports::StoreError;

use crate::api::{Failure, FailureKind};
use crate::logs::LogError;
use crate::problem::Problems;
use crate::store::Refusal;

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = match self.kind {
            FailureKind::BadInput => StatusCode::UNPROCESSABLE_ENTITY,
            FailureKind::Unknown => StatusCode::NOT_FOUND,
            FailureKind::Conflict => StatusCode::CONFLICT,
            FailureKind::NotNow => StatusCode::SERVICE_UNAVAILABLE,
            FailureKind::Broken => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, Json(self)).into_response()
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self {
            kind: FailureKind::Broken,
            message: error.to_string(),
            hint: None,
            problems: Vec::new(),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let kind = match refusal {
            Refusal::Unknown { .. } => FailureKind::Unknown,
            Refusal::OutOfBounds { .. } => FailureKind::BadInput,
            Refusal::Generation { .. }
            | Refusal::AddressOwned { .. }
            | Refusal::SubnetInUse { .. }
            | Refusal::RangeInUse { .. }
            | Refusal::Destroyed { .. } => FailureKind::Conflict,
        };
        Self {
            kind,
            message: refusal.to_string(),
            hint: Some(refusal.hint()),
            problems: Vec::new(),
        }
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Self {
            kind: FailureKind::BadInput,
            message: "the tenant file cannot be used; what is in force stays in force".to_owned(),
            hint: None,
            problems: problems.into_vec(),
        }
    }
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        Self {
            kind: FailureKind::Broken,
            message: format!("{error}: {}", error.cause),
            hint: None,
            problems: Vec::new(),
        }
    }
}

/// Nobody has that name.
pub(super) fn unknown(tenant: &TenantName) -> Failure {
    Refusal::Unknown {
        tenant: tenant.clone(),
    }
    .into()
}

/// What was sent makes no sense.
pub(super) fn bad_input(message: String) -> Failure {
    Failure {
        kind: FailureKind::BadInput,
        message,
        hint: None,
        problems: Vec::new(),
    }
}
