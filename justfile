# What developers run. `just` lists it; each is a line you can also type.

_list:
    @just --list --unsorted

# Everything that CI checks.
check:
    ./test

# The tests, or some: just test --test main story
test *arguments:
    ./test quick {{arguments}}

# Format and lint; mends what can be mended.
lint:
    cargo fmt --all
    cargo clippy --workspace --all-targets --fix --allow-dirty --allow-staged -- -D warnings

# A small operator's month on SQLite, in ./demo.
demo *arguments:
    cargo run --release -- demo {{arguments}}

# Simulates years of billing while programs die: just simulate --seconds 3600 --seed 7
simulate *arguments:
    cargo test --workspace --test simulation -- {{arguments}}

# Gives a reader what nobody would send: just fuzz csv 600; all of them for a minute without arguments.
fuzz *arguments:
    scripts/fuzz {{arguments}}

# How fast are rating and reading?
bench *arguments:
    cargo bench --workspace {{arguments}}

# Write docs/openapi.json anew.
openapi:
    cargo run --quiet -- openapi > docs/openapi.json
