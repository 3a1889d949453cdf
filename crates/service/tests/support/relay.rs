//! A wire to the tests' PostgreSQL that a test can freeze or cut, as networks and hung servers do.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;

/// Connections below the first number are frozen, those below the second are cut.
#[derive(Debug, Clone, Copy, Default)]
struct State {
    frozen_below: usize,
    cut_below: usize,
}

/// Every connection through it goes on to the server, until it is frozen: then bytes are taken and go nowhere.
pub(crate) struct Relay {
    address: SocketAddr,
    database: String,
    state: watch::Sender<State>,
    made: Arc<AtomicUsize>,
}

impl Relay {
    /// A wire to a database whose address names a socket: `postgres://user@%2Ffolder/name`.
    pub(crate) async fn to(url: &str) -> Self {
        let (_, rest) = url.split_once('@').expect("the address has a user");
        let (host, database) = rest.split_once('/').expect("the address has a database");
        let folder = host.replace("%2F", "/").replace("%2f", "/");
        let socket = format!("{}/.s.PGSQL.5432", folder.trim_end_matches('/'));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (state, made) = (watch::Sender::new(State::default()), Arc::new(AtomicUsize::new(0)));
        let (states, numbers) = (state.clone(), made.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let number = numbers.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(carry(client, socket.clone(), number, states.subscribe()));
            }
        });
        Self { address, database: database.to_owned(), state, made }
    }

    /// The database's address through it.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@{}/{}?sslmode=disable", self.address, self.database)
    }

    /// Nothing gets through any more, on old connections and new ones.
    pub(crate) fn freeze(&self) {
        self.state.send_modify(|state| state.frozen_below = usize::MAX);
    }

    /// Nothing gets through on the connections that there are; new ones work.
    pub(crate) fn freeze_old(&self) {
        let made = self.made.load(Ordering::Relaxed);
        self.state.send_modify(|state| state.frozen_below = made);
    }

    /// All that was held back goes on.
    pub(crate) fn thaw(&self) {
        self.state.send_modify(|state| state.frozen_below = 0);
    }

    /// Ends the connections that there are.
    pub(crate) fn cut(&self) {
        let made = self.made.load(Ordering::Relaxed);
        self.state.send_modify(|state| state.cut_below = made);
    }
}

async fn carry(client: TcpStream, socket: String, number: usize, state: watch::Receiver<State>) {
    let mut waiting = state.clone();
    if waiting.wait_for(|state| number >= state.frozen_below).await.is_err() {
        return;
    }
    let Ok(server) = UnixStream::connect(socket).await else { return };
    let (client_in, client_out) = client.into_split();
    let (server_in, server_out) = server.into_split();
    let mut cut = state.clone();
    tokio::select! {
        () = pass(client_in, server_out, number, state.clone()) => {}
        () = pass(server_in, client_out, number, state) => {}
        _ = cut.wait_for(|state| number < state.cut_below) => {}
    }
}

async fn pass(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    number: usize,
    mut state: watch::Receiver<State>,
) {
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let Ok(read @ 1..) = from.read(&mut bytes).await else { return };
        if state.wait_for(|state| number >= state.frozen_below).await.is_err() {
            return;
        }
        if to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}
