//! How does the API describe the record of a call? This describes calculation's type, which knows no HTTP.

use utoipa::ToSchema;

/// What a switch tells of a call (docs/cdr-formats.md). A record that cannot be charged is kept in suspense.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes calculation's type, which knows no HTTP")]
pub(super) struct CallRecord {
    /// Unique within the source.
    #[schema(example = "a-1")]
    record_id: String,
    /// Ties the legs of one call together.
    call_id: Option<String>,
    /// `outbound`, `inbound`, `internal` or `transit`.
    #[schema(example = "outbound")]
    direction: String,
    /// The account that the switch names; without it the charged number decides who pays.
    account_ref: Option<String>,
    /// `calling` when absent, `called` or `redirecting`.
    charged_party: Option<String>,
    #[schema(example = "+493023125001")]
    calling_number: String,
    #[schema(example = "+442079460123")]
    called_number: String,
    redirecting_number: Option<String>,
    /// `voice` when absent.
    service: Option<String>,
    #[schema(example = "2026-10-05T12:00:00Z")]
    start_time: String,
    /// Absent: it was never answered.
    #[schema(example = "2026-10-05T12:00:05Z")]
    answer_time: Option<String>,
    #[schema(example = "2026-10-05T12:01:06Z")]
    end_time: String,
    /// Seconds from start to end.
    duration: Option<String>,
    /// Seconds from answer to end; computed from the two when absent.
    #[schema(example = "61")]
    billsec: Option<String>,
    /// `ANSWERED`, `NO_ANSWER`, `BUSY`, `FAILED`, `CANCELLED` or `CONGESTION`.
    #[schema(example = "ANSWERED")]
    disposition: String,
    /// `full` when absent.
    record_type: Option<String>,
}
