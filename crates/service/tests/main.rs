//! Does the program do what it promises? Through its public doors, on both databases.
#![cfg(test)]

mod support;

mod calls;
mod db;
mod http;
mod migrations;
mod real_input;
mod story;
mod tidy;
