//! The command `tollbook`.

use std::process::ExitCode;

use tollbook::cli::{Cli, run};

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::heard()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "the last word of a failed command")]
            {
                eprintln!("error: {error}");
            }
            ExitCode::FAILURE
        }
    }
}
