//! What does the OpenAPI document say of what is sent? Its `webhooks`: one request for each event.

use utoipa::openapi::OpenApi as Document;
use utoipa::{IntoParams, OpenApi};

use super::events::{
    BalanceLow, CallsCharged, ImportFinished, InvoiceIssued, InvoicePaid, Payload, PaymentReversed,
    RecordsSuspended, SpendingThreshold, Test,
};

/// How a receiver knows a message.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes headers that the courier sends")]
struct Headers {
    /// The message: the same at each attempt, so that a repetition is told.
    #[param(rename = "webhook-id", example = "msg_01h2x3y4z5a6b")]
    id: String,
    /// When this attempt was made, in seconds since 1970.
    #[param(rename = "webhook-timestamp", example = 1_793_880_000)]
    timestamp: i64,
    /// `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64; two of them, with a space between, while the
    /// secret is changed.
    #[param(rename = "webhook-signature", example = "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=")]
    signature: String,
}

macro_rules! sent {
    ($($name:ident $event:literal $data:ident;)+) => {
        $(
            #[utoipa::path(post, path = $event, tag = "webhooks", operation_id = $event, params(Headers),
                request_body = Payload<$data>, security(()),
                responses((status = "2XX", description = "Taken. Whatever else is answered, it is sent again")))]
            #[expect(dead_code, reason = "describes a request that the courier sends")]
            fn $name() {}
        )+

        #[derive(OpenApi)]
        #[openapi(paths($($name),+))]
        struct Sent;
    };
}

sent! {
    call_charged "call.charged" CallsCharged;
    invoice_issued "invoice.issued" InvoiceIssued;
    invoice_paid "invoice.paid" InvoicePaid;
    payment_reversed "payment.reversed" PaymentReversed;
    balance_low "balance.low" BalanceLow;
    spending_threshold "spending.threshold" SpendingThreshold;
    import_finished "import.finished" ImportFinished;
    record_suspended "record.suspended" RecordsSuspended;
    test "webhook.test" Test;
}

/// Adds to a document what is sent.
pub fn describe(document: &mut Document) {
    let sent = Sent::openapi();
    if let (Some(known), Some(new)) = (&mut document.components, sent.components) {
        for (name, schema) in new.schemas {
            known.schemas.entry(name).or_insert(schema);
        }
    }
    document.webhooks = Some(sent.paths);
}
