//! How does another program run beside a benchmark? Until it is dropped, or the benchmark ends, however that comes about.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::net::TcpStream;
use tollbook::clock::Stopwatch;

/// Waits at its standard input, which ends with the benchmark, then ends the program.
const WATCHDOG: &str = r#""$@" & cat >/dev/null; kill -TERM $!; wait $!"#;
/// So long it may take to listen.
const PATIENCE: Duration = Duration::from_mins(1);

/// A program that listens.
pub(crate) struct Listening {
    watchdog: Child,
    log: tempfile::NamedTempFile,
}

/// A port that nobody has.
pub(crate) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it is bound")
}

impl Listening {
    /// Starts a program that will listen there. What it says goes to a file, as it would from a service.
    pub(crate) async fn start(program: &Command, address: SocketAddr) -> Self {
        let log = tempfile::NamedTempFile::new().expect("a temporary file");
        let file = || Stdio::from(File::options().append(true).open(log.path()).expect("the file is there"));
        let mut watchdog = Command::new("sh");
        watchdog.args(["-c", WATCHDOG, "watchdog"]).arg(program.get_program()).args(program.get_args());
        watchdog.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if let Some(folder) = program.get_current_dir() {
            watchdog.current_dir(folder);
        }
        watchdog.stdin(Stdio::piped()).stdout(file()).stderr(file());
        let watchdog = watchdog.spawn().expect("sh runs");
        let started = Self { watchdog, log };
        let watch = Stopwatch::start();
        while TcpStream::connect(address).await.is_err() {
            let said = std::fs::read_to_string(started.log.path()).unwrap_or_default();
            assert!(
                watch.elapsed() < PATIENCE,
                "{} does not listen:\n{said}",
                program.get_program().display()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        started
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        let ended = self.watchdog.wait();
        assert!(ended.is_ok() || std::thread::panicking(), "{ended:?}");
    }
}
