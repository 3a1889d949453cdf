//! The command `tollbook`.

use std::io::Write as _;
use std::process::ExitCode;
use std::thread::available_parallelism;

use tollbook::cli::{Cli, run};
use tollbook::error::Error;
use tollbook::log::Concealed;
use tollbook::visible::Visible;

/// Requests allocate much and briefly.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// SQLite works on the thread that asks it: so many may wait for the disk, four that read and one that writes, while the
/// processors go on.
const WAITING_THREADS: usize = 5;

fn main() -> ExitCode {
    let threads = available_parallelism().map_or(1, usize::from) + WAITING_THREADS;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    let ran = runtime
        .map_err(|error| Error::Other(format!("the program cannot begin: {error}")))
        .and_then(|runtime| runtime.block_on(run(Cli::heard())));
    match ran {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let error = Visible(Concealed(&error.to_string()).to_string());
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}
