//! How does a switch ask over HTTP? One connection that is kept, and as little work as can be: the load shares the
//! machine with what it loads.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection that is kept open.
pub(crate) struct Client {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("the service listens");
        stream.set_nodelay(true).expect("it is a TCP socket");
        Self { stream, answer: Vec::with_capacity(4_096) }
    }

    /// Sends a request such as `GET /livez`, the lines of further headers, and a body; answers status and body.
    pub(crate) async fn ask(&mut self, what: &str, headers: &str, body: &str) -> (u16, &str) {
        let length = body.len();
        let request =
            format!("{what} HTTP/1.1\r\nhost: localhost\r\n{headers}content-length: {length}\r\n\r\n{body}");
        self.stream.write_all(request.as_bytes()).await.expect("the connection stands");
        self.answer.clear();
        loop {
            let read = self.stream.read_buf(&mut self.answer).await.expect("the connection stands");
            assert!(read > 0, "the service closed the connection");
            if let Some((status, begins, ends)) = head(&self.answer)
                && self.answer.len() >= ends
            {
                let body = std::str::from_utf8(&self.answer[begins..ends]).expect("JSON is UTF-8");
                return (status, body);
            }
        }
    }
}

/// The status, and where the body begins and ends, once the head is there.
fn head(answer: &[u8]) -> Option<(u16, usize, usize)> {
    let begins = answer.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&answer[..begins]).expect("a head is ASCII");
    let status = head.get(9..12).and_then(|status| status.parse().ok()).expect("a status stands first");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.and_then(|length| length.parse().ok()).expect("the length is told");
    Some((status, begins, begins + length))
}
