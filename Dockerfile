# syntax=docker/dockerfile:1

# --- builder: the whole workspace, compiled once; downloads and objects stay in caches between builds -----------
FROM rust:1.95-bookworm AS builder
WORKDIR /src
COPY . .
# The binary is copied within the same step, because a cache mount is gone after it.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo build --release --locked --package keybell --bin keybell \
    && install -D target/release/keybell /out/keybell

# --- runtime: the binary, the certificates that it checks servers with, and nothing to build with ---------------
FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*

# A fixed number, so that the rights on a volume stay right when the image is built again. The folders exist here
# already because a new volume takes over their owner and mode.
RUN useradd --uid 10001 --user-group --home-dir /var/lib/keybell --shell /usr/sbin/nologin keybell \
    && install -d -o keybell -g keybell -m 0700 /var/lib/keybell /var/lib/keybell/outbox \
       /keys /keys/all /keys/intake /keys/reset /keys/notify

COPY --from=builder /out/keybell /usr/local/bin/keybell
COPY --chmod=0755 docker/create-keys /usr/local/bin/create-keys

USER keybell
WORKDIR /var/lib/keybell
ENTRYPOINT ["keybell"]
CMD ["--help"]
