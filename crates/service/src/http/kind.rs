//! Which kinds of refusals are there, and what is to be done about each? `GET /problems` tells clients.

use axum::http::StatusCode;

macro_rules! kinds {
    ($($name:ident $code:literal $status:ident $title:literal $meaning:literal;)+) => {
        /// A kind of refusal. Its code is never changed nor used for another.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Kind {
            $(#[doc = $meaning] $name,)+
        }

        impl Kind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The end of the URI that is a problem's `type`.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code),+ }
            }

            /// The status it comes with.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status),+ }
            }

            /// The kind in words.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title),+ }
            }

            /// What it means, and what to do.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning),+ }
            }
        }
    };
}

kinds! {
    MalformedRequest "malformed-request" BAD_REQUEST "The request cannot be read"
        "The body is no JSON, or the query or a header is not of the form that the operation describes. Correct the program that sends it.";
    Unauthenticated "unauthenticated" UNAUTHORIZED "Who asks is not known"
        "The request has no token, or one that is unknown, revoked or expired. Get a token at /oauth/token and send the request again.";
    InsufficientBalance "insufficient-balance" PAYMENT_REQUIRED "There is too little money"
        "Not a second of the call can be paid from the balances. Top up, then ask for another call: this one stays refused.";
    Forbidden "forbidden" FORBIDDEN "Not permitted"
        "The token has not the scope that the operation needs, or another customer is asked for. Use a client of another role.";
    CallBarred "call-barred" FORBIDDEN "The destination is barred"
        "The tariff or the plan lets nobody call there. End the call.";
    ServiceSuspended "service-suspended" FORBIDDEN "The service is suspended"
        "The customer's service is suspended. Restore it before the customer calls.";
    TooManyCalls "too-many-calls" FORBIDDEN "The line has too many calls at once"
        "The plan allows no more calls at a time. End one of them first.";
    DayAmountReached "day-amount-reached" FORBIDDEN "The day's amount is used up"
        "The customer has spent what the plan allows in a day. Wait for the customer's next day.";
    NoRate "no-rate" FORBIDDEN "There is no price"
        "The tariff has no rate for the called number. Add one to the tariff.";
    NoPlan "no-plan" FORBIDDEN "The customer is on no plan"
        "At the time of the call the customer has no plan. Subscribe the customer to one.";
    NotFound "not-found" NOT_FOUND "Not found"
        "There is no such thing, or it is not the caller's. Look at the path and the ids in it.";
    Conflict "conflict" CONFLICT "The request contradicts what is there"
        "The request is sound, but not together with what is stored. Read what is there and ask for something else.";
    SequenceOutOfOrder "sequence-out-of-order" CONFLICT "The request comes too late"
        "A later request of the session was heard already. Go on from that one.";
    SequenceReused "sequence-reused" CONFLICT "The request was another before"
        "The `call_id` or `sequence` came with other content before. Give another call another `call_id`, the next request a greater sequence.";
    SessionClosed "session-closed" CONFLICT "The call is over"
        "The session was released or has expired, or a record of the call was charged already. Authorise a new call.";
    PricesLost "prices-lost" CONFLICT "Prefixes would lose their price"
        "The list leaves prefixes without a price of their own, though they have one now; `errors` names them. Say with `mode` whether the list amends the one in force or replaces it, or add rows.";
    ChangedMeanwhile "changed-meanwhile" PRECONDITION_FAILED "It was changed meanwhile"
        "The thing is not any more as `If-Match` says. Read it again and send the change with its new `ETag`.";
    InvalidField "invalid-field" UNPROCESSABLE_ENTITY "A field is wrong"
        "The request can be read, but a value in it cannot be used. `errors` names each field and what is wrong with it.";
    KeyReused "key-reused" UNPROCESSABLE_ENTITY "The Idempotency-Key was used before"
        "The same `Idempotency-Key` came with another request before. Choose a new key for each new request.";
    Unavailable "unavailable" SERVICE_UNAVAILABLE "Not now"
        "The database is away, busy or full, or another request was at the same rows. Send the same request again after the seconds in `Retry-After`, with its `Idempotency-Key` if it had one.";
    ClockInDoubt "clock-in-doubt" SERVICE_UNAVAILABLE "The time is in doubt"
        "The clock of the machine leapt, or contradicts the database. What depends on the day waits until the operator has set or accepted it. Send the same request again later.";
}

impl Kind {
    /// The kind of this code, if there is one.
    pub fn of(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.code() == code)
    }

    /// The URI that is a problem's `type`.
    pub fn uri(self) -> String {
        format!("/problems/{}", self.code())
    }
}
