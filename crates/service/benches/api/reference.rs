//! What is it compared with? A straightforward service in Python (`reference.py`), which keeps what it commits as well.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::asking::Asked;
use crate::child::{Listening, free_address};
use crate::opened::{Database, Engine};
use crate::records::line_of;

/// The service under way, on a database of its own.
pub(crate) struct Reference {
    pub(crate) asked: Asked,
    pub(crate) database: Database,
    _process: Listening,
}

impl Reference {
    /// Serves as many customers, and the same prices. PostgreSQL is asked by a process for each core; SQLite by
    /// one, since several only wait for each other.
    pub(crate) async fn start(engine: Engine, customers: u64, deck: &str) -> Self {
        let python = python();
        let database = engine.create().await;
        let url = address(&database.url);
        let lines = (0..customers).map(line_of).collect::<Vec<_>>().join("\n");
        let (deck, lines) = (file(deck), file(&lines));
        let mut fill = Command::new(&python);
        fill.arg(folder().join("reference.py")).args([deck.path(), lines.path()]);
        run(fill.env("REFERENCE_DATABASE_URL", &url));
        let workers = match engine {
            Engine::Sqlite => 1,
            Engine::Postgres => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        };
        let address = free_address();
        let mut program = Command::new(&python);
        program.args(["-m", "uvicorn", "reference:app", "--port", &address.port().to_string()]);
        program.args(["--workers", &workers.to_string()]).current_dir(folder());
        program.env("REFERENCE_DATABASE_URL", &url).env("PYTHONDONTWRITEBYTECODE", "1");
        let process = Listening::start(&program, address).await;
        Self { asked: Asked::new(address, None), database, _process: process }
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/api")
}

/// A Python with what the service runs on, installed once below the target folder.
fn python() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it lies in the target folder");
    let (venv, wanted) = (target.join("venv-reference"), folder().join("requirements.txt"));
    let (python, installed) = (venv.join("bin/python"), venv.join("installed"));
    let read = |path: &Path| std::fs::read(path).unwrap_or_default();
    if read(&installed) != read(&wanted) {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv));
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
        run(Command::new(&python).args(pip).arg(&wanted));
        std::fs::copy(&wanted, &installed).expect("the folder was made");
    }
    python
}

/// The same database, as `SQLAlchemy` calls it.
fn address(url: &str) -> String {
    if let Some(path) = url.strip_prefix("sqlite://") {
        return format!("sqlite:///{path}");
    }
    let rest = url.strip_prefix("postgres://").expect("it is PostgreSQL");
    match rest.split_once('@').and_then(|(user, rest)| Some((user, rest.split_once('/')?))) {
        // A socket: its folder is no host name.
        Some((user, (host, name))) if host.contains("%2F") => {
            format!("postgresql+psycopg://{user}@/{name}?host={host}")
        }
        _ => format!("postgresql+psycopg://{rest}"),
    }
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(text.as_bytes()).expect("the disk has room");
    file
}

fn run(command: &mut Command) {
    let output = command.output().expect("Python 3 is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
