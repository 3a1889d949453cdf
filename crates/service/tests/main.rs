//! Does the program do what it promises? Through its public doors, on both databases.
#![cfg(test)]

mod support;

mod access;
mod access_clients;
mod access_tokens;
mod balances;
mod calls;
mod cli;
mod credit_notes;
mod customers;
mod cycle;
mod cycle_fees;
mod cycle_workers;
mod db;
mod documents;
mod edges;
mod einvoice_rules;
mod einvoices;
mod expiry;
mod http;
mod invoices;
mod ledger;
mod mail;
mod mail_server;
mod mail_settings;
mod migrations;
mod months;
mod oidc;
mod payments;
mod real_input;
mod reminders;
mod renewals;
mod renewals_workers;
mod replenish;
mod session_crash;
mod session_emergency;
mod session_input;
mod session_limits;
mod session_model;
mod session_records;
mod session_repeats;
mod sessions;
mod story;
mod tidy;
mod vouchers;
