# Configuring, building, tests, benchmarks, fuzzing, lint.

use_ccache() {
  command -v ccache >/dev/null || return 0
  export CMAKE_C_COMPILER_LAUNCHER=ccache CMAKE_CXX_COMPILER_LAUNCHER=ccache
  export CCACHE_DIR=${CCACHE_DIR:-$(cache_dir)/ccache} CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=1
  mkdir -p "$CCACHE_DIR"
}

# build_preset NAME [TARGET...]: configures once and builds.
build_preset() {
  local preset=$1 dir
  shift
  case "$preset" in dev) dir=$root/build ;; *) dir=$root/build/$preset ;; esac
  use_ccache
  [ -f "$dir/build.ninja" ] || quietly "configuring ($preset)" cmake --preset "$preset" "${llama_cmake_options[@]}"
  say "building ($preset)"
  if [ $# -gt 0 ]; then cmake --build "$dir" --target "$@" >&2; else cmake --build "$dir" >&2; fi
}

# ensure_build [TARGET...]: everything, or these targets.
ensure_build() {
  setup_packages build
  llama_install
  build_preset dev "$@"
}

check_format() {
  git ls-files -z '*.h' '*.cc' | xargs -0 -r clang-format-14 --dry-run -Werror
}

# ctest shows the output of failed tests alone: what a passing program left out, and why, is said here.
report_skipped() {
  local log=$1/Testing/Temporary/LastTest.log
  [ ! -f "$log" ] || { grep -hoE "skipped: .*|skipped '.*'" "$log" || true; } | sort -u | sed 's/^/    /' >&2
}

# ThreadSanitizer wants addresses spread over 30 bits at most. Where the kernel takes more, a program starts itself again without the
# spreading, by personality(2): that is what setarch does, too.
check_tsan_starts() {
  local bits
  ! setarch -R true 2>/dev/null || return 0
  bits=$(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null) || bits="unknown to you" # root may read it
  [[ "$bits" =~ ^[0-9]+$ ]] && [ "$bits" -le 30 ] && return 0
  say "vm.mmap_rnd_bits is $bits, ThreadSanitizer wants 30 at most, and personality(2), its way out, is not permitted here."
  say "If its programs do not start: sysctl vm.mmap_rnd_bits=28 (root, on the host), or docker run --security-opt seccomp=unconfined"
}

# Apart from the other tests: it takes a whole build of its own.
run_tests_tsan() {
  setup_packages build clang tsan
  check_tsan_starts
  build_preset tsan
  say "unit tests under ThreadSanitizer"
  ctest --test-dir "$root/build/tsan" --output-on-failure --no-tests=error -L unit
  report_skipped "$root/build/tsan"
}

run_tests() {
  local quick= label= tsan=
  while [ $# -gt 0 ]; do
    case "$1" in
      --quick) quick=1; shift ;;
      --tsan) tsan=1; shift ;;
      --label) [ $# -ge 2 ] || die_usage "--label needs a value"; label=$2; shift 2 ;;
      *) die_usage "test: unknown option '$1'" ;;
    esac
  done
  if [ -n "$tsan" ]; then
    [ -z "$quick$label" ] || die_usage "test: --tsan goes with no other option"
    run_tests_tsan
    return
  fi
  setup_packages build lint
  llama_install
  model_fetch "$demo_model"
  openai_server_install
  quietly "checking format" check_format
  quietly "checking layers" python3 "$root/tests/check_layers.py"
  build_preset dev
  OPENPCC_TEST_MODEL=$(model_path "$demo_model")
  export OPENPCC_TEST_MODEL
  local select=() interop_skipped=
  if [ -n "$label" ]; then select=(-L "$label"); fi
  if [ -z "$label" ] || [ "$label" = interop ]; then interop_prepare; fi
  [ -z "$interop_skipped" ] || [ -z "$label" ] || die "the tests against the official Go programs cannot run: $interop_skipped"
  if [ -n "$interop_skipped" ]; then select+=(-LE interop); fi
  say "tests"
  ctest --test-dir "$root/build" --output-on-failure --no-tests=error "${select[@]}"
  report_skipped "$root/build"
  [ -z "$interop_skipped" ] || say "skipped: the tests against the official Go programs: $interop_skipped"
  if [ -n "$quick" ] || [ -n "$label" ]; then
    say "the sanitizer build was left out, as asked"
    return 0
  fi
  build_preset asan
  say "unit tests under AddressSanitizer and UndefinedBehaviorSanitizer"
  ctest --test-dir "$root/build/asan" --output-on-failure --no-tests=error -L unit
  report_skipped "$root/build/asan"
}

# run_bench_routers: our router and node beside the official and Go's own, in one run.
run_bench_routers() {
  local go
  go=$(find_go) || die "bench routers: $go; it needs Go 1.$interop_min_go or later (./dev interop installs it)"
  setup_packages build bench
  llama_install
  build_preset bench openpcc_programs
  interop_build "$go"
  python3 -B "$root/bench/worker_start.py"
  echo
  python3 -B "$root/bench/routers.py" "$@"
}

# run_bench_node [PART...] [OPTIONS]: the compute node. Parts are start, load, tokens and big; without one: all of them. Options go to
# every script. `big` writes 4.5 GB into the cache folder and removes them again.
run_bench_node() {
  local parts=() part
  while [ $# -gt 0 ] && [[ "$1" != -* ]]; do
    case "$1" in start | load | tokens | big) parts+=("$1"); shift ;; *) die_usage "bench node: no part '$1'" ;; esac
  done
  [ ${#parts[@]} -gt 0 ] || parts=(start load tokens big)
  setup_packages build bench
  llama_install
  model_fetch "$demo_model"
  build_preset bench openpcc_programs llama_bare
  OPENPCC_TEST_MODEL=$(model_path "$demo_model")
  OPENPCC_LLAMA3_VOCABULARY=$(llama_prefix)/share/models/ggml-vocab-llama-bpe.gguf
  export OPENPCC_TEST_MODEL OPENPCC_LLAMA3_VOCABULARY
  for part in "${parts[@]}"; do
    case "$part" in
      start) python3 -B "$root/bench/worker_start.py" "$@" ;;
      load) python3 -B "$root/bench/node_load.py" "$@" ;;
      tokens) python3 -B "$root/bench/node_tokens.py" "$@" ;;
      big) python3 -B "$root/bench/big_model.py" --folder "$(cache_dir)/bench" "$@" ;;
    esac
  done
}

run_bench() {
  case "${1:-}" in
    routers) shift; run_bench_routers "$@"; return ;;
    node) shift; run_bench_node "$@"; return ;;
  esac
  setup_packages build bench
  llama_install
  build_preset bench openpcc_programs
  say "libraries (CPU time unless a row says otherwise; $(nproc) cores)"
  "$root/build/bench/bin/openpcc_bench" "$@"
  say "the same cipher in OpenSSL's own measurement"
  openssl speed -evp aes-128-gcm -bytes 512 -seconds 2 2>/dev/null | tail -n 1
  say "the whole private path against a plain call"
  python3 -B "$root/bench/path.py"
}

run_fuzz() {
  local seconds=30
  if [ "${1:-}" = --seconds ]; then seconds=${2:?--seconds needs a number}; shift 2; fi
  [ $# -eq 0 ] || die_usage "fuzz: unknown option '$1'"
  setup_packages build clang
  build_preset fuzz openpcc_fuzzers
  local program name corpus
  for program in "$root"/build/fuzz/fuzz/*_fuzz; do
    name=$(basename "$program")
    corpus=$(cache_dir)/fuzz/$name
    mkdir -p "$corpus"
    say "$name: $seconds s (corpus grows in $corpus; what fails is written to $corpus.found.*)"
    # shellcheck disable=SC2046  # the seed corpora are one folder each, named in the target's own test
    "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
      -artifact_prefix="$corpus.found." "$corpus" \
      $(python3 "$root/tests/fuzz_corpus.py" "$root/build/fuzz" "$name")
  done
}

run_lint() {
  setup_packages build lint clang bench
  if [ "${1:-}" = --fix ]; then
    git ls-files -z '*.h' '*.cc' | xargs -0 -r clang-format-14 -i
    shift
  fi
  [ $# -eq 0 ] || die_usage "lint: unknown option '$1'"
  quietly "checking format" check_format
  quietly "checking layers" python3 "$root/tests/check_layers.py"
  llama_install
  use_ccache
  quietly "configuring (tidy)" cmake --preset tidy "${llama_cmake_options[@]}"
  quietly "generated sources" cmake --build "$root/build/tidy" --target openpcc_wire_proto
  say "clang-tidy"
  # cmake/llama is compiled against the inside of llama.cpp, in a build of its own; embedded_absent.cc only without libllama.
  git ls-files -z "*.cc" ":!cmake/llama" ":!lib/engine/embedded_absent.cc" |
    xargs -0 python3 -B "$root/dev.d/tidy.py" "$root/build/tidy" "$(cache_dir)/tidy"
}
