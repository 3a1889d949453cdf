//! Does the program do what it promises? Through its public doors, on both databases.
#![cfg(test)]

mod support;

mod db;
mod http;
mod migrations;
mod story;
mod tidy;
