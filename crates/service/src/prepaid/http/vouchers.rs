//! The API of vouchers.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{closed, unknown};
use crate::app::SharedApp;
use crate::error::Error;
use crate::http::{Begun, IdempotencyKey, Key, Problem, Sent, Write, check_instant, check_name};
use crate::id::CustomerId;
use crate::prepaid::{BookingDone, Made, NewVouchers, RedeemVoucher, Redeemed, VoucherBatch};

pub(super) fn routes() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(make)).routes(routes!(redeem))
}

/// Make a batch of vouchers
///
/// The answer is the only place that has their codes: as JSON, or as CSV with `Accept: text/csv`. Sent again under
/// its `Idempotency-Key` the batch is answered without them.
#[utoipa::path(post, path = "/v1/vouchers", tag = "prepaid",
    security(("oauth" = ["vouchers:write"])), params(IdempotencyKey), request_body = NewVouchers,
    responses((status = 201, content((VoucherBatch = "application/json"), (String = "text/csv"))),
        (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn make(State(app): State<SharedApp>, sent: Sent) -> Result<Response, Problem> {
    let new: NewVouchers = sent.json()?;
    if let Some(name) = &new.name {
        check_name("/name", name, 200)?;
    }
    if let Some(at) = new.expires_at {
        check_instant("/expires_at", at)?;
    }
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    match crate::prepaid::make_vouchers(&mut write.tx, new, &app.voucher_keys, &app.clock).await? {
        Made::Vouchers(mut made) => {
            let answer = shown(&made, &sent.parts.headers)?;
            // What is kept for the key has no codes.
            made.codes.clear();
            write.finish(StatusCode::CREATED, &made).await?;
            Ok(answer)
        }
        Made::Wrong(wrong) => Err(wrong.into()),
        Made::BatchTaken => Err(Problem::conflict("there is a batch of this name: choose another")),
    }
}

fn shown(made: &VoucherBatch, headers: &HeaderMap) -> Result<Response, Problem> {
    let asked = headers.get_all(header::ACCEPT).iter().filter_map(|accept| accept.to_str().ok());
    let as_csv = asked
        .flat_map(|accept| accept.split(','))
        .any(|kind| kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/csv")));
    let (kind, text) = if as_csv {
        ("text/csv; charset=utf-8", made.to_csv()?)
    } else {
        ("application/json", serde_json::to_string(made).map_err(|error| Error::Other(error.to_string()))?)
    };
    let mut response = (StatusCode::CREATED, text).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Redeem a voucher
///
/// Once: sent again by the same customer it is answered as it was.
#[utoipa::path(post, path = "/v1/customers/{customer_id}/vouchers", tag = "prepaid",
    security(("oauth" = ["vouchers:redeem"])),
    params(("customer_id" = String, Path), IdempotencyKey), request_body = RedeemVoucher,
    responses((status = 201, body = BookingDone), (status = 200, description = "Redeemed before", body = BookingDone),
        (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn redeem(
    State(app): State<SharedApp>,
    Key(id): Key<CustomerId>,
    sent: Sent,
) -> Result<Response, Problem> {
    let voucher: RedeemVoucher = sent.json()?;
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    match crate::prepaid::redeem(&mut write.tx, id, &voucher, &app.voucher_keys, &app.clock).await? {
        Redeemed::New(done) => write.finish(StatusCode::CREATED, &done).await,
        Redeemed::Known(done) => write.finish(StatusCode::OK, &done).await,
        Redeemed::NotACode => Err(Problem::invalid("/code", "is no code: it has 16 digits")),
        Redeemed::Mistyped => Err(Problem::invalid("/code", "is mistyped: compare it digit by digit")),
        Redeemed::UnknownCustomer => Err(unknown(id)),
        Redeemed::UnknownVoucher => Err(Problem::not_found("no voucher has this code")),
        Redeemed::Taken => Err(Problem::conflict("another customer has redeemed this voucher")),
        Redeemed::Expired(at) => Err(Problem::conflict(format!("the voucher expired at {at}"))),
        Redeemed::Closed => Err(closed()),
        Redeemed::TooMuch(wrong) => Err(Problem::conflict(format!("its worth {}", wrong.message))),
        Redeemed::OtherCurrency(currency) => Err(Problem::conflict(format!(
            "the voucher is worth {currency}, and the customer pays otherwise"
        ))),
        Redeemed::NotTheirLine(line) => {
            Err(Problem::invalid("/line", format!("{line} is no line that the customer holds now")))
        }
    }
}
