# The tests against the official Go programs: finds or installs Go, builds interop/go, runs the ctest label `interop`.
#
# Go 1.21 is enough: it fetches the toolchain that go.mod asks for through the module proxy. Modules and builds are kept in the cache
# folder, unless GOMODCACHE and GOCACHE say where.

interop_min_go=21

# go_minor GO: its minor version, such as 26 for go1.26.8; 0 where it does not say.
go_minor() {
  local version
  version=$("$1" version 2>/dev/null) || version=
  [[ "$version" =~ go1\.([0-9]+) ]] && printf '%s\n' "${BASH_REMATCH[1]}" || printf '0\n'
}

# find_go: prints a Go that is new enough; otherwise fails and prints what was found instead.
find_go() {
  local candidate found=
  for candidate in "$(command -v go || true)" /usr/local/go/bin/go $(printf '%s\n' /usr/lib/go-1.*/bin/go | sort -rV); do
    [ -x "$candidate" ] || continue
    if [ "$(go_minor "$candidate")" -ge "$interop_min_go" ]; then printf '%s\n' "$candidate"; return 0; fi
    found="$candidate is $("$candidate" version | cut -d' ' -f3)"
  done
  printf '%s\n' "${found:-no Go is installed}"
  return 1
}

# The newest Go of Debian's backports. They are asked this once; the machine's list of package sources stays as it is.
install_go() {
  local work name mirror options package
  command -v apt-get >/dev/null || die "interop: $(find_go), 1.$interop_min_go or later is needed, and apt-get is not here to install it"
  # shellcheck source=/dev/null
  name=$(. /etc/os-release && printf '%s\n' "${VERSION_CODENAME:-}")
  # Not every machine has both places; the security archive has no backports.
  mirror=$({ cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null || true; } |
    sed -nE '/security/d; s/^URIs: *([^ ]+).*/\1/p; s/^deb +(\[[^]]*\] +)?([^ ]+) .*/\2/p' | sed -n 1p)
  [ -n "$name" ] && [ -n "$mirror" ] ||
    die "interop: $(find_go); install Go 1.$interop_min_go or later, for instance from https://go.dev/dl, and try again"
  work=$(mktemp -d)
  chmod 0755 "$work"
  printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s-backports main\n' "$mirror" "$name" >"$work/sources.list"
  mkdir -p "$work/lists/partial"
  cp /etc/apt/sources.list "$work/all.list" 2>/dev/null || : >"$work/all.list"
  options=(-o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=- -o APT::Get::List-Cleanup=0)
  quietly "apt-get update ($name-backports)" as_root apt-get "${options[@]}" update -qq
  package=$(apt-cache "${options[@]}" search --names-only '^golang-1\.[0-9]+-go$' | cut -d' ' -f1 | sort -rV | sed -n 1p)
  [[ "$package" =~ ^golang-1\.([0-9]+)-go$ ]] && [ "${BASH_REMATCH[1]}" -ge "$interop_min_go" ] ||
    die "interop: $name-backports has no Go 1.$interop_min_go or later; install one, for instance from https://go.dev/dl, and try again"
  options=(-o "Dir::Etc::SourceParts=/etc/apt/sources.list.d" -o "Dir::Etc::SourceList=$work/all.list")
  cat "$work/sources.list" >>"$work/all.list"
  quietly "installing $package from $name-backports" as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get "${options[@]}" install -y -qq --no-install-recommends -t "$name-backports" "$package"
  rm -rf "$work"
}

# interop_build GO: the official roles and the official codec as one program, build/interop/official.
interop_build() {
  local go=$1
  export OPENPCC_INTEROP_OFFICIAL=$root/build/interop/official
  export GOMODCACHE=${GOMODCACHE:-$(cache_dir)/go/mod} GOCACHE=${GOCACHE:-$(cache_dir)/go/build} GOTOOLCHAIN=${GOTOOLCHAIN:-auto}
  mkdir -p "$root/build/interop"
  quietly "building the official Go programs of interop/go ($("$go" version | cut -d' ' -f3))" \
    "$go" build -C "$root/interop/go" -modcacherw -trimpath -tags include_fake_attestation -o "$root/build/interop/official" .
}

# For ./dev test: builds where Go is there and sets interop_skipped to the reason where it is not.
interop_prepare() {
  local go
  interop_skipped=
  if go=$(find_go); then interop_build "$go"
  else interop_skipped="$go; they need Go 1.$interop_min_go or later (./dev interop installs it)"; fi
}

run_interop() {
  [ $# -eq 0 ] || die_usage "interop: unknown option '$1'"
  ensure_build
  model_fetch "$demo_model"
  OPENPCC_TEST_MODEL=$(model_path "$demo_model")
  export OPENPCC_TEST_MODEL
  local go
  go=$(find_go) || { install_go; go=$(find_go) || die "interop: $go after the installation"; }
  interop_build "$go"
  say "tests against the official Go programs"
  ctest --test-dir "$root/build" --output-on-failure --no-tests=error -L interop
}
