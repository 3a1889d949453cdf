//! Is every id and cursor that is accepted one that we could have given?

use std::fmt::{Debug, Display};
use std::str::FromStr;

use tollbook::calls::Cursor;
use tollbook::id::{ClientId, CustomerId, InvoiceId, MessageId, SecretId, SessionId};

pub(crate) fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    same::<CustomerId>(text);
    same::<InvoiceId>(text);
    same::<ClientId>(text);
    same::<SecretId>(text);
    same::<MessageId>(text);
    same::<SessionId>(text);
    if let Ok(cursor) = text.parse::<Cursor>() {
        let written = cursor.to_string();
        let again = written.parse::<Cursor>().map(|cursor| cursor.to_string());
        assert_eq!(again, Ok(written), "{text}");
    }
}

/// Each thing has one id, written in one way.
fn same<T: FromStr + Display + Debug>(text: &str) {
    if let Ok(id) = text.parse::<T>() {
        assert_eq!(id.to_string(), text, "{id:?}");
    }
}
