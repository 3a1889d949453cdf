//! What does a mail look like on its way? MIME: text, HTML, and the documents attached.

use std::time::SystemTime;

use jiff::Timestamp;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MultiPart};

use super::messages::Message;

/// A PDF to be attached.
pub(super) struct Attached {
    pub(super) name: String,
    pub(super) content: Vec<u8>,
}

/// Who writes to whom, and what the mail is known by.
pub(super) struct Head<'a> {
    pub(super) from: &'a Mailbox,
    pub(super) to: &'a Mailbox,
    pub(super) id: String,
    pub(super) at: Timestamp,
}

/// The mail as it is sent.
pub(super) fn formatted(
    head: Head<'_>,
    message: Message,
    attached: Vec<Attached>,
) -> Result<Vec<u8>, String> {
    let both = MultiPart::alternative_plain_html(message.text, message.html);
    let body = if attached.is_empty() {
        both
    } else {
        let kind = ContentType::parse("application/pdf").map_err(|error| error.to_string())?;
        let attach = |mail: MultiPart, Attached { name, content }| {
            mail.singlepart(Attachment::new(name).body(content, kind.clone()))
        };
        attached.into_iter().fold(MultiPart::mixed().multipart(both), attach)
    };
    // Nobody's answering machine answers to a machine (RFC 3834).
    let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
    let mail = lettre::Message::builder()
        .from(head.from.clone())
        .to(head.to.clone())
        .subject(message.subject)
        .date(SystemTime::from(head.at))
        .message_id(Some(head.id))
        .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
        .multipart(body);
    Ok(mail.map_err(|error| error.to_string())?.formatted())
}
