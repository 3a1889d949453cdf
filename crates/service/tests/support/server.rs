//! The application behind a real socket, for what only a connection can do.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tollbook::app::App;
use tollbook::http::{Ended, serve};

/// Longer than any answer may take: a test that waits so long has found a hang.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) serving: JoinHandle<Ended>,
    pub(crate) app: App,
}

impl Server {
    pub(crate) async fn start(app: App) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = app.clone();
        let serving = tokio::spawn(serve(listener, shared));
        Self { address, serving, app }
    }

    pub(crate) async fn connect(&self) -> Connection {
        Connection(TcpStream::connect(self.address).await.expect("it listens"))
    }

    /// Connects from another address of this machine.
    pub(crate) async fn connect_from(&self, address: &str) -> Connection {
        let socket = TcpSocket::new_v4().expect("a socket");
        let from = SocketAddr::new(address.parse().expect("an address"), 0);
        socket.bind(from).expect("all of 127.0.0.0/8 is this machine");
        Connection(socket.connect(self.address).await.expect("it listens"))
    }

    /// Sends bytes on a connection of their own; answers the status, if there was an answer, and the whole of it.
    pub(crate) async fn send(&self, bytes: &[u8]) -> (Option<u16>, String) {
        let mut connection = self.connect().await;
        // It may be refused before it is whole.
        let _ = connection.0.write_all(bytes).await;
        connection.answer().await
    }
}

pub(crate) struct Connection(pub(crate) TcpStream);

impl Connection {
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.write_all(bytes).await
    }

    /// What is answered until the connection ends.
    pub(crate) async fn answer(&mut self) -> (Option<u16>, String) {
        let mut bytes = Vec::new();
        let read = tokio::time::timeout(PATIENCE, self.0.read_to_end(&mut bytes)).await;
        assert!(read.is_ok(), "neither answered nor ended: {:?}", String::from_utf8_lossy(&bytes));
        status(&bytes)
    }

    /// What is answered first; the connection may go on.
    pub(crate) async fn first(&mut self) -> (Option<u16>, String) {
        let mut bytes = vec![0; 64 * 1024];
        let read = tokio::time::timeout(PATIENCE, self.0.read(&mut bytes)).await.expect("an answer in time");
        bytes.truncate(read.unwrap_or_default());
        status(&bytes)
    }
}

fn status(bytes: &[u8]) -> (Option<u16>, String) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    (text.split(' ').nth(1).and_then(|code| code.parse().ok()), text)
}
