# Shared by the shell scripts: sourced, not run. Needs only bash, coreutils and cargo: a fresh machine has no redis-tools.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
node= # the program to start; set by build_node

die() {
  echo "${0##*/}: $*" >&2
  exit 1
}

# Prints the comment block at the head of the script: its help.
help_of() {
  awk 'NR > 1 && !/^#/ {exit} NR > 1 {sub(/^# ?/, ""); print}' "$1"
}

# Builds the release binary where needed and sets $node to it. $CORESLOT names another one, which is not built.
build_node() {
  node=${CORESLOT:-}
  if [[ -n $node ]]; then
    command -v "$node" >/dev/null || die "\$CORESLOT is $node: no such program"
    return
  fi
  command -v cargo >/dev/null || die "cargo is needed: install Rust's toolchain by rustup"
  { command -v cc && command -v make; } >/dev/null || die "cc and make are needed: apt-get install build-essential"
  (cd "$root" && cargo build --release --locked)
  node=${CARGO_TARGET_DIR:-$root/target}/release/coreslot
}

# ask PORT WORD...: sends one command, prints the raw reply. Fails if nobody listens.
ask() {
  local port=$1
  shift
  (
    exec 3<>"/dev/tcp/127.0.0.1/$port" || exit 1
    printf '%s\r\nQUIT\r\n' "$*" >&3
    timeout 10 cat <&3
  ) 2>/dev/null
}

# wait_for SECONDS COMMAND...: until the command succeeds. Fails after that time.
wait_for() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < end)) || return 1
    sleep 0.1
  done
}

# answers PORT: whether a server there answers at all; an error such as NOAUTH is an answer.
answers() {
  [[ $(ask "$1" PING) == [+-]* ]]
}

# cluster_info PORT FIELD: one field of CLUSTER INFO.
cluster_info() {
  ask "$1" CLUSTER INFO | tr -d '\r' | sed -n "s/^$2://p"
}

cluster_is_ok() {
  [[ $(cluster_info "$1" cluster_state) == ok ]]
}

# check_limits: says what of this shell's limits would keep a node from starting or from serving many clients.
check_limits() {
  local memlock
  memlock=$(ulimit -l)
  if [[ $memlock != unlimited ]] && ((memlock < 512)); then
    ulimit -l 512 2>/dev/null || die "the limit of locked memory is $memlock KiB, 512 are needed, and only root may raise it:" \
      "prlimit --pid $PPID --memlock=524288:524288 for this shell; for good: tuning/README.md"
  fi
  ulimit -n "$(ulimit -Hn)" 2>/dev/null || true
}
