//! Where do tests and benches get a PostgreSQL from? A server of their own, which dies with their process.
//!
//! It is reached by a socket in its own folder, so that no port is taken and nobody else meets it.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio_postgres::{Config, NoTls};

/// Started by the first test that asks; every test gets a database of its own in it.
static SERVER: LazyLock<Server> = LazyLock::new(|| match given() {
    Some(url) => Server { url, _watchdog: None },
    None => start(),
});

static DATABASES: AtomicU32 = AtomicU32::new(0);

/// Waits at its standard input, which ends with this process however that comes about, then stops the
/// server and removes its folder.
const WATCHDOG: &str = r#"
set -eu
bin=$1 dir=$2
trap 'exit 1' HUP INT PIPE TERM
trap '"$bin/pg_ctl" stop -s -m immediate -D "$dir/data" || true; rm -rf "$dir"' EXIT
"$bin/initdb" --no-sync --auth=trust --username=postgres --encoding=UTF8 --locale=C -D "$dir/data" >"$dir/log" 2>&1 &&
  "$bin/pg_ctl" start -s -w -D "$dir/data" -l "$dir/log" -o "-k '$dir' -c listen_addresses= $3" >"$dir/start" 2>&1 ||
  { cat "$dir/log" "$dir/start" >&2; exit 1; }
echo ready
cat >/dev/null
"#;

struct Server {
    /// Ends where the name of a database follows.
    url: String,
    /// Its standard input stays open as long as this process lives.
    _watchdog: Option<Child>,
}

/// A new, empty database, removed when dropped.
pub(crate) struct Database {
    name: String,
    pub(crate) url: String,
}

impl Database {
    pub(crate) async fn create() -> Self {
        let number = DATABASES.fetch_add(1, Ordering::Relaxed);
        let name = format!("tollbook_test_{}_{number}", std::process::id());
        administer(&format!("create database {name}")).await;
        let url = &SERVER.url;
        Self { url: with_database(url, &name), name }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let drop = format!("drop database if exists {} with (force)", self.name);
        // Dropping cannot wait for a future, a thread of its own can.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime starts");
            runtime.block_on(administer(&drop));
        });
        assert!(dropped.join().is_ok() || std::thread::panicking(), "the test's database was not removed");
    }
}

/// A statement that runs in no transaction.
async fn administer(sql: &str) {
    let config: Config = SERVER.url.parse().expect("TEST_DATABASE_URL must be a postgres:// address");
    let (client, connection) = config.connect(NoTls).await.expect("the tests' PostgreSQL answers");
    let connection = tokio::spawn(connection);
    client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    drop(client);
    connection.await.expect("the connection is no panic").expect("the connection ends well");
}

/// The same address with another database's name.
fn with_database(url: &str, name: &str) -> String {
    let (address, query) = url.split_once('?').map_or((url, String::new()), |(a, q)| (a, format!("?{q}")));
    let (scheme, rest) = address.split_once("://").unwrap_or(("postgres", address));
    let host = rest.split_once('/').map_or(rest, |(host, _)| host);
    format!("{scheme}://{host}/{name}{query}")
}

#[expect(clippy::disallowed_methods, reason = "a test run has no settings file")]
fn given() -> Option<String> {
    std::env::var("TEST_DATABASE_URL").ok().filter(|url| !url.is_empty())
}

fn start() -> Server {
    let bin = programs();
    let dir = tempfile::Builder::new().prefix("tollbook-test-").tempdir().expect("a temporary folder").keep();
    let mut watchdog = Command::new("sh");
    watchdog
        .arg("-c")
        .arg(WATCHDOG)
        .arg("watchdog")
        .arg(&bin)
        .arg(&dir)
        .arg(super::POSTGRES_SETTINGS)
        .current_dir(&dir);
    // PostgreSQL refuses to run as root.
    if std::fs::metadata(&dir).is_ok_and(|folder| folder.uid() == 0) {
        let (uid, gid) = unprivileged();
        std::os::unix::fs::chown(&dir, Some(uid), Some(gid)).expect("root can give a folder away");
        watchdog.uid(uid).gid(gid);
    }
    // Ctrl-C ends the tests; the watchdog must outlive them.
    watchdog.process_group(0);
    watchdog.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut watchdog = watchdog.spawn().expect("sh runs");
    let mut said = String::new();
    let stdout = watchdog.stdout.take().expect("its output is a pipe");
    BufReader::new(stdout).read_line(&mut said).expect("its output can be read");
    if said != "ready\n" {
        let mut why = String::new();
        watchdog
            .stderr
            .take()
            .expect("its errors are a pipe")
            .read_to_string(&mut why)
            .expect("errors are text");
        panic!("no PostgreSQL started from {}:\n{why}", bin.display());
    }
    let host = dir.display().to_string().replace('%', "%25").replace('/', "%2F");
    Server { url: format!("postgres://postgres@{host}/postgres"), _watchdog: Some(watchdog) }
}

/// The folder of the newest installed server's programs; Debian and Ubuntu keep it out of PATH.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<u32> =
        versions.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    versions.sort_unstable();
    let newest = versions.iter().rev().map(|version| format!("/usr/lib/postgresql/{version}/bin"));
    let configured = output(Command::new("pg_config").arg("--bindir"));
    let in_path = output(Command::new("sh").args(["-c", "dirname \"$(command -v initdb)\""]));
    let mut folders = newest.chain(configured).chain(in_path).map(PathBuf::from);
    folders.find(|folder| has_server(folder)).expect(
        "the tests need PostgreSQL's server programs (initdb, pg_ctl): run ./test, which installs them on Debian \
         and Ubuntu, or set TEST_DATABASE_URL to a postgres:// address that may create databases",
    )
}

fn has_server(folder: &Path) -> bool {
    ["initdb", "pg_ctl", "postgres"].iter().all(|program| folder.join(program).is_file())
}

/// The user that the package made for the server, or nobody.
fn unprivileged() -> (u32, u32) {
    let id = |user: &str, which: &str| output(Command::new("id").args([which, user]))?.parse().ok();
    let found = ["postgres", "nobody"].iter().find_map(|user| Some((id(user, "-u")?, id(user, "-g")?)));
    found.expect("run as root, the tests need a user `postgres` or `nobody` for the server")
}

/// What a program prints, when it succeeds.
fn output(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned())
}
