//! Does the program do what it promises? Through its public doors, on both databases.
#![cfg(test)]

mod support;

mod calls;
mod cli;
mod customers;
mod db;
mod documents;
mod http;
mod invoices;
mod migrations;
mod months;
mod real_input;
mod story;
mod tidy;
