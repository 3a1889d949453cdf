//! What is counted? Every metric with its kind and what it means; `docs/operating.md` has the same list.

/// How a metric behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts in buckets.
    Histogram,
}

/// A metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    pub name: &'static str,
    pub kind: Kind,
    pub help: &'static str,
}

macro_rules! metrics {
    ($($constant:ident $kind:ident $name:literal $help:literal)+) => {
        $(#[doc = $help]
        pub const $constant: Metric =
            Metric { name: concat!("tollbook_", $name), kind: Kind::$kind, help: $help };)+

        /// All of them.
        pub const ALL: &[Metric] = &[$($constant),+];
    };
}

metrics! {
    HTTP_REQUESTS Counter "http_requests_total" "Requests answered, by method, route and status."
    HTTP_SECONDS Histogram "http_request_duration_seconds" "How long requests took, by route."
    HTTP_CONNECTIONS Gauge "http_connections" "Connections that are open."
    HTTP_REFUSED Counter "http_connections_refused_total" "Connections refused, by what was full: address, all."
    HTTP_EVICTED Counter "http_connections_closed_total" "Silent connections closed, by why: room, silence."
    WRONG_CREDENTIALS Counter "wrong_credentials_total" "Tokens and client secrets that were wrong, by kind: token, secret; or not looked at: unseen."
    RECORDS Counter "records_total" "Call records taken in, by what became of them: charged, free, duplicate, suspended."
    RECORD_WARNINGS Counter "record_warnings_total" "Call records taken in that were unusual, by warning."
    CALLS_CHARGED Counter "calls_charged_total" "Calls charged from records."
    CHARGED_MICROS Counter "charged_micros_total" "What these calls cost, in millionths."
    CHARGING_ANSWERS Counter "charging_answers_total" "Answers to switches, by what was asked and answered."
    CHARGING_BATCH_SIZE Histogram "charging_batch_size" "Requests of switches that shared a commit."
    CHARGING_BATCH_SECONDS Histogram "charging_batch_duration_seconds" "How long such commits took."
    CHARGING_QUEUE Gauge "charging_queue_length" "Requests of switches that wait."
    LEDGER_ENTRIES Counter "ledger_entries_total" "Entries posted, by what happened: issue, payment, call and so on."
    LEDGER_MICROS Counter "ledger_micros_total" "Money moved by them, in millionths: the debits of each."
    JOBS Counter "jobs_total" "Jobs tried, by kind and what became of them."
    JOB_LAG Gauge "job_lag_seconds" "For how long the oldest job has been due."
    ROUNDS Counter "rounds_total" "Rounds of work, done or failed."
    ROUND_SECONDS Histogram "round_duration_seconds" "How long rounds of work took."
    CLOCK_IN_DOUBT Gauge "clock_in_doubt" "1 while billing and expiry wait because the machine's clock leapt or contradicts the database."
    SUSPENSE Gauge "suspense_records" "Records that wait in suspense."
    BILLING_WAITING Gauge "billing_waiting" "Customers with a month that is over and waits for approval."
    BILLING_HELD Gauge "billing_held" "Customers whose invoices are held."
    DATABASE_UP Gauge "database_up" "1 when the database answered the last time these numbers were gathered."
    STARTED Gauge "process_start_time_seconds" "When the program started, in seconds since 1970."
    BUILD Gauge "build_info" "Always 1; its labels say what runs."
}
