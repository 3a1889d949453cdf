# The image of tollbook: the program and the libraries it is linked with, no shell, no package manager, no root.
#
#   docker build -t tollbook .
#   docker run --rm --read-only -v tollbook:/var/lib/tollbook tollbook check
#
# Only /var/lib/tollbook is written to: a SQLite database, and mails when they go to a folder.

ARG RUST_VERSION=1.95.0
ARG DEBIAN=bookworm

FROM rust:${RUST_VERSION}-slim-${DEBIAN} AS source
# SQLite is compiled from its C source.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends build-essential \
 && rm -rf /var/lib/apt/lists/*
# The toolchain of the image, not the one that rust-toolchain.toml would fetch.
ARG RUST_VERSION
ENV RUSTUP_TOOLCHAIN=${RUST_VERSION}
WORKDIR /source
COPY . .

FROM source AS build
# What cargo has fetched and built stays for the next build.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target \
    cargo build --profile dist --locked --package tollbook --bin tollbook \
 && scripts/image-root target/dist/tollbook /image

# `docker compose run --rm test`: every test, on a PostgreSQL that it starts itself.
FROM source AS test
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends postgresql python3-venv systemd \
 && rm -rf /var/lib/apt/lists/*
CMD ["./test", "quick"]

FROM scratch
COPY --from=build /image/ /
COPY --from=build --chown=10001:10001 /image/var/lib/tollbook /var/lib/tollbook
USER 10001:10001
WORKDIR /var/lib/tollbook
VOLUME /var/lib/tollbook
ENV TOLLBOOK_DATABASE_URL=sqlite:///var/lib/tollbook/tollbook.db
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=6s --start-period=30s CMD ["/usr/bin/tollbook", "healthcheck"]
ENTRYPOINT ["/usr/bin/tollbook"]
CMD ["serve", "--listen", "0.0.0.0:8080"]
