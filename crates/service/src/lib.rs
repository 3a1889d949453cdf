//! What is tollbook made of?

pub mod invoices;
