# Shared by the parts of ./dev: messages, the cache folder, running things as root.

if [ -t 2 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\e[1m'; red=$'\e[31m'; plain=$'\e[0m'; else bold=; red=; plain=; fi

say() { printf '%s==>%s %s\n' "$bold" "$plain" "$*" >&2; }
die() { printf '%serror:%s %s\n' "$red" "$plain" "$*" >&2; exit 1; }
die_usage() { printf '%serror:%s %s (see ./dev --help)\n' "$red" "$plain" "$*" >&2; exit 2; }

# Where downloads and slow builds live, so that a second clone or run is quick.
cache_dir() {
  if [ -n "${OPENPCC_CACHE:-}" ]; then printf '%s\n' "$OPENPCC_CACHE"
  elif [ "$(id -u)" = 0 ]; then printf '/var/cache/openpcc\n'
  else printf '%s\n' "${XDG_CACHE_HOME:-$HOME/.cache}/openpcc"; fi
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else die "'$*' needs root: run as root or install sudo"; fi
}

# Runs a command whose output matters only when it fails; shows how long it took when that is worth knowing.
quietly() {
  local what=$1 log status=0 start
  shift
  log=$(mktemp)
  start=$(date +%s)
  say "$what"
  "$@" >"$log" 2>&1 || status=$?
  if [ "$status" != 0 ]; then tail -n 60 "$log" >&2; rm -f "$log"; die "$what: failed (exit $status)"; fi
  rm -f "$log"
  local took=$(( $(date +%s) - start ))
  [ "$took" -lt 5 ] || say "$what: done in $took s"
}
