//! What is an invoice to the outside: a document, a file, a mail?

pub mod document;
