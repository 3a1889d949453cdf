//! Exact telephone charging: values in, values out.
//!
//! This crate never waits, never asks for the time, reads no file and knows no float. Whatever it
//! answers depends on its arguments alone, so the same call is charged the same today and in ten years.
//!
//! The way of a call: [`cdr`] reads a record, [`call`] decides what is billable about it,
//! [`phone_number`] says what was dialled, [`tariff`] finds the rate, [`allowance`] takes included
//! minutes, [`rating`] computes the charge and why, and [`prepaid`] how long a call can be paid. The way of
//! a month: [`period`] says which month a call belongs to, also of customers who move, [`fee`] prorates
//! what [`plan_terms`] agree, [`usage_pricing`] prices a month's minutes together, [`commitment`] says what
//! is missing, [`discount`] takes off, [`invoice`] adds the charges up and [`tax`] taxes them. The way of money: [`settlement`] takes what a call
//! cost from balances, [`renewal`] says what a month of a prepaid plan costs, [`allocation`] which payment settles which
//! invoice, and [`posting`] what each of it moves in the ledger. How much may come together says [`limit`], and [`total`] adds up
//! what many customers come to. What parties say of themselves is judged by [`country`], [`vat_id`] and
//! [`bank_account`].
#![warn(missing_docs)]
#![deny(clippy::arithmetic_side_effects, clippy::as_conversions, clippy::indexing_slicing)]

pub mod allocation;
pub mod allowance;
pub mod bank_account;
pub mod bill;
pub mod call;
pub mod call_limits;
pub mod cdr;
pub mod commitment;
pub mod country;
pub mod credit;
pub mod discount;
pub mod emergency;
pub mod fee;
pub mod invoice;
pub mod limit;
pub mod money;
pub mod period;
pub mod phone_number;
pub mod plan_terms;
pub mod posting;
pub mod prepaid;
pub mod rating;
pub mod region;
pub mod renewal;
pub mod settlement;
pub mod tariff;
pub mod tax;
pub mod terms_error;
pub mod total;
pub mod usage_pricing;
pub mod vat_id;
pub mod zone;
