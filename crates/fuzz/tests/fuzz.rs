//! Do the readers withstand inputs that nobody would send?
//!
//! `cargo test --workspace --test fuzz` gives each target its corpus. With `TOLLBOOK_FUZZ=TARGET` it is libFuzzer, takes its
//! arguments and looks for new inputs: `scripts/fuzz` builds it so that libFuzzer sees which branches an input takes.
#![no_main]

use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};

use fuzz::{TARGETS, Target};
use libfuzzer_sys::fuzz_target;

/// The target for libFuzzer. None when the corpus is to be read.
static TARGET: LazyLock<Option<Target>> = LazyLock::new(|| {
    let name = std::env::var_os("TOLLBOOK_FUZZ")?;
    let target = name.to_str().and_then(fuzz::find);
    if target.is_none() {
        println!("no such target; there are {}", TARGETS.map(|target| target.name).join(", "));
        std::process::exit(2);
    }
    target
});

fuzz_target!(
    init: if TARGET.is_none() {
        read_corpus();
        std::process::exit(0);
    },
    |input: &[u8]| {
        if let Some(target) = *TARGET {
            (target.run)(input);
        }
    }
);

/// The input that is being read.
static READING: Mutex<PathBuf> = Mutex::new(PathBuf::new());

/// Reads every input of every target. A panic ends it and names the input.
fn read_corpus() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        println!("while reading {}:", READING.lock().unwrap_or_else(PoisonError::into_inner).display());
        hook(panic);
    }));
    let mut all = 0;
    for Target { name, run } in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        let entries =
            std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut inputs: Vec<_> = entries.map(|entry| entry.expect("a folder is read").path()).collect();
        inputs.sort();
        assert!(!inputs.is_empty(), "the corpus of {name} is empty");
        all += inputs.len();
        for path in inputs {
            let input = std::fs::read(&path).expect("an input is read");
            *READING.lock().unwrap_or_else(PoisonError::into_inner) = path;
            run(&input);
        }
    }
    fuzz::finish();
    println!("fuzz: {all} inputs of {} targets are read", TARGETS.len());
}
