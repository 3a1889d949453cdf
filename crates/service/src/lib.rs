//! What is tollbook made of? One folder a feature, each with its doors, verbs and SQL; see ARCHITECTURE.md.

#![expect(unused_qualifications, reason = "utoipa's macros qualify what they are given")]

pub mod access;
pub mod adjustments;
pub mod app;
pub mod audit;
mod backup;
pub mod calls;
pub mod check;
pub mod cli;
pub mod clock;
pub mod config;
pub mod copy;
pub mod corrections;
pub mod credit_notes;
mod cursor;
pub mod customers;
pub mod db;
pub mod demo;
pub mod disputes;
mod email;
pub mod error;
mod group_commit;
mod hash;
pub mod health;
mod healthcheck;
pub mod http;
pub mod id;
pub mod invoices;
pub mod jobs;
pub mod ledger;
pub mod letters;
pub mod log;
pub mod mail;
pub mod metrics;
pub mod payments;
pub mod plans;
pub mod prepaid;
mod ready;
pub mod reports;
pub mod retention;
pub mod sessions;
pub mod stopping;
pub mod suspense;
pub mod tariffs;
pub mod webhooks;
