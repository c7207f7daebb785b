# shellcheck shell=bash
# Words that every script here uses: messages, and installing what a bare Debian lacks.

# Plain users often have no sbin folders in PATH, and some servers live there.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
# A shell that never read its profile still finds a toolchain installed by rustup.
if [[ -n ${HOME:-} && -d $HOME/.cargo/bin ]]; then
  PATH=$PATH:$HOME/.cargo/bin
fi
export PATH

say() { printf '%s\n' "$*"; }
warn() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() {
  warn "$*"
  exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }
is_root() { ((EUID == 0)); }

# from_registry COMMAND...: runs an install from a package registry, three times at most. A registry that takes a connection
# and then says nothing would hold everything up for as long as somebody waits.
from_registry() {
  local try
  for try in 1 2 3; do
    if timeout 120 "$@"; then return 0; fi
    warn "try $try of 3 failed: $*"
  done
  return 1
}
can_install() { is_root && have apt-get && have dpkg; }

# apt_install PACKAGE...: installs without questions and without starting any server.
# Debian starts a server as soon as it is installed. Ours run on their own ports with their own data, so for
# the length of the install a policy-rc.d refuses every start; whatever stood there before is put back.
apt_install() (
  policy=/usr/sbin/policy-rc.d
  before=$policy.before-keybell
  mark='# keybell: only for the length of an install'
  output=$(mktemp)

  # One at a time, or the second install would take the first one's policy for the original. The folder
  # itself is the lock, so that nothing is left behind.
  exec 7<"${policy%/*}"
  flock 7

  # Called by the trap below.
  # shellcheck disable=SC2317,SC2329
  put_back() {
    rm -f "$policy" "$output"
    if [[ -e $before ]]; then mv -f "$before" "$policy"; fi
  }
  trap put_back EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM

  # An install that was killed left its own policy behind: the original is already set aside then.
  if [[ -e $policy ]] && ! grep -qsF "$mark" "$policy"; then
    mv -f "$policy" "$before"
  fi
  printf '#!/bin/sh\n%s\nexit 101\n' "$mark" >"$policy"
  chmod 755 "$policy"

  warn "installing with apt-get: $*"
  export DEBIAN_FRONTEND=noninteractive
  # One package source that cannot be reached must not stop us: the others may have what is needed.
  apt-get update >"$output" 2>&1 || warn "apt-get update had errors, trying on: $(tail -n 1 "$output")"
  if ! apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$@" >"$output" 2>&1; then
    tail -n 30 "$output" >&2
    warn "apt-get could not install: $*"
    exit 1
  fi
)

# need_packages WHY PACKAGE...: installs them, or says exactly how to.
need_packages() {
  local why=$1
  shift
  if can_install; then
    apt_install "$@"
  else
    die "$why is missing. On Debian and Ubuntu: sudo apt-get install $*"
  fi
}

# What compiling the workspace takes besides Rust: a C compiler with its headers (SQLite and ring are
# partly C), and pkg-config.
need_build_tools() {
  have cargo || die "cargo is missing. Install Rust: https://rustup.rs"
  have cc && have pkg-config && return
  need_packages "a C compiler or pkg-config" gcc libc6-dev pkg-config
}
