//! Who keeps connections and asks for nothing?

use std::net::SocketAddr;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// Connections that stay open, as far as the service lets them.
pub(crate) struct Held {
    _connections: Vec<TcpStream>,
}

impl Held {
    pub(crate) async fn open(address: SocketAddr, silent: usize, half_heads: usize) -> Self {
        let mut connections = Vec::with_capacity(silent + half_heads);
        for place in 0..silent + half_heads {
            let mut connection = TcpStream::connect(address).await.expect("the service listens");
            if place >= silent {
                // It may have been closed to make room already.
                let _ = connection.write_all(b"GET /livez HTTP/1.1\r\nhost: ").await;
            }
            connections.push(connection);
        }
        Self { _connections: connections }
    }
}
