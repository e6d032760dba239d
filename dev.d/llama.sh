# libllama: fetched as pinned source, built once, kept in the cache as an install prefix that the build finds by -DOPENPCC_LLAMA_PREFIX.
#
#   llama_install          makes sure the prefix exists and sets llama_cmake_options
#   llama_prefix           prints where it is (or will be)
#
# OPENPCC_LLAMA_SOURCE chooses where the source comes from:
#   pypi      (default) llama.cpp as it stands in the source distribution of llama-cpp-python, by hash
#   release   the archive of the same commit from llama.cpp's own repository. The pinned hash is not known for it: say what you trust
#             with OPENPCC_LLAMA_SHA256
#   /A/DIR    a llama.cpp source tree of yours (not checked)
# OPENPCC_LLAMA_PREFIX, when set, is a prefix you made yourself with cmake/llama: nothing is fetched or built.

llama_commit=0c1e57098
llama_pypi_version=0.3.36
llama_pypi_sha256=832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e
llama_cmake_options=()

check_sha256() {
  local file=$1 want=$2 got
  [ -f "$file" ] || die "$file: not there"
  got=$(sha256sum "$file" | cut -d' ' -f1)
  [ "$got" = "$want" ] || die "$(basename "$file"): SHA-256 is $got, expected $want; nothing was taken from it"
}

# pypi_file wheel|sdist NAME VERSION DIR: downloads one file of the Python package index with pip, as it is set up on this machine.
# pip wants a source distribution's metadata and would build for it: a stand-in for the build backend answers instead, so that no
# code of the package runs.
pypi_file() {
  local kind=$1 name=$2 version=$3 dir=$4 options=()
  if [ "$kind" = sdist ]; then
    mkdir -p "$dir/.backend/scikit_build_core"
    : >"$dir/.backend/scikit_build_core/__init__.py"
    cat >"$dir/.backend/scikit_build_core/build.py" <<EOT
import os

def prepare_metadata_for_build_wheel(directory, config_settings=None):
    name = "${name//-/_}-$version.dist-info"
    os.makedirs(os.path.join(directory, name))
    with open(os.path.join(directory, name, "METADATA"), "w") as file:
        file.write("Metadata-Version: 2.1\nName: $name\nVersion: $version\n")
    return name
EOT
    options=(--no-binary :all: --no-build-isolation)
  else
    options=(--only-binary :all:)
  fi
  PYTHONPATH=$dir/.backend python3 -m pip download --quiet --disable-pip-version-check --no-cache-dir --no-deps \
    "${options[@]}" --dest "$dir" "$name==$version"
  rm -rf "$dir/.backend"
}

# with_lock NAME COMMAND...: two runs of ./dev never make the same thing at once.
with_lock() {
  local lock lock_fd
  lock=$(cache_dir)/locks/$1
  shift
  mkdir -p "$(dirname "$lock")"
  exec {lock_fd}>"$lock"
  if ! flock -n "$lock_fd"; then
    say "waiting for another run to finish with $(basename "$lock")"
    flock "$lock_fd"
  fi
  "$@" # not in a condition: that would switch off errexit inside
  exec {lock_fd}>&-
}

# What the built library depends on: another source, compiler or recipe gets another prefix.
llama_key() {
  local source=${OPENPCC_LLAMA_SOURCE:-pypi} recipe
  recipe=$({ cat "$root"/cmake/llama/*; "${CXX:-c++}" --version | head -n 1; uname -m; printf '%s\n' "$source" "${OPENPCC_LLAMA_SHA256:-}"; } |
    sha256sum | cut -c1-12)
  printf '%s-%s\n' "$llama_commit" "$recipe"
}

llama_prefix() {
  printf '%s\n' "${OPENPCC_LLAMA_PREFIX:-$(cache_dir)/llama/$(llama_key)}"
}

# Puts a llama.cpp tree at $1/source.
llama_fetch_source() {
  local work=$1 source=${OPENPCC_LLAMA_SOURCE:-pypi} archive
  case "$source" in
    pypi)
      quietly "fetching llama.cpp $llama_commit (76 MB, in llama-cpp-python $llama_pypi_version)" \
        pypi_file sdist llama-cpp-python "$llama_pypi_version" "$work"
      archive=$work/llama_cpp_python-$llama_pypi_version.tar.gz
      [ -f "$archive" ] || die "pip did not leave $(basename "$archive")"
      check_sha256 "$archive" "$llama_pypi_sha256"
      mkdir "$work/unpacked"
      tar -xzf "$archive" -C "$work/unpacked" --strip-components=1 || die "cannot unpack $(basename "$archive")"
      mv "$work/unpacked/vendor/llama.cpp" "$work/source"
      ;;
    release)
      [ -n "${OPENPCC_LLAMA_SHA256:-}" ] ||
        die "OPENPCC_LLAMA_SOURCE=release needs OPENPCC_LLAMA_SHA256: this project pins no hash for that archive"
      archive=$work/llama.tar.gz
      quietly "fetching llama.cpp $llama_commit" \
        curl -fsSL --retry 3 -o "$archive" "https://github.com/ggml-org/llama.cpp/archive/$llama_commit.tar.gz"
      check_sha256 "$archive" "$OPENPCC_LLAMA_SHA256"
      mkdir "$work/source"
      tar -xzf "$archive" -C "$work/source" --strip-components=1 || die "cannot unpack $(basename "$archive")"
      ;;
    /*) ln -s "$source" "$work/source" ;;
    *) die "OPENPCC_LLAMA_SOURCE='$source': it takes pypi, release or an absolute path" ;;
  esac
}

llama_build() {
  local prefix=$1 work
  [ ! -f "$prefix/openpcc-llama.txt" ] || return 0 # made while we waited for the lock
  mkdir -p "$(dirname "$prefix")"
  work=$(mktemp -d "$(dirname "$prefix")/.building.XXXXXX")
  # shellcheck disable=SC2064  # the folder of this run
  trap "rm -rf '$work'" EXIT
  llama_fetch_source "$work"
  quietly "configuring libllama" cmake -S "$root/cmake/llama" -B "$work/build" -G Ninja -DLLAMA_SOURCE="$work/source" \
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_FLAGS_RELEASE="-O2 -DNDEBUG" -DCMAKE_CXX_FLAGS_RELEASE="-O2 -DNDEBUG" \
    -DCMAKE_INSTALL_PREFIX="$work/prefix"
  quietly "building libllama (once; some minutes)" cmake --build "$work/build" --target everything
  quietly "installing libllama" cmake --install "$work/build" --component openpcc
  printf 'llama.cpp %s from %s\n' "$llama_commit" "${OPENPCC_LLAMA_SOURCE:-pypi}" >"$work/prefix/openpcc-llama.txt"
  rm -rf "$prefix"
  mv "$work/prefix" "$prefix" || die "cannot write $prefix"
  rm -rf "$work"
  trap - EXIT
}

llama_install() {
  local prefix dir
  prefix=$(llama_prefix)
  llama_cmake_options=(-DOPENPCC_LLAMA_PREFIX="$prefix")
  if [ ! -f "$prefix/openpcc-llama.txt" ]; then
    [ -z "${OPENPCC_LLAMA_PREFIX:-}" ] || die "OPENPCC_LLAMA_PREFIX=$prefix has no openpcc-llama.txt: it is no finished prefix"
    with_lock llama llama_build "$prefix"
  fi
  # A build folder configured with another prefix would go on using it.
  for dir in "$root/build" "$root/build/release" "$root/build/bench"; do
    if [ -f "$dir/CMakeCache.txt" ] && ! grep -q "^OPENPCC_LLAMA_PREFIX:[A-Z]*=$prefix\$" "$dir/CMakeCache.txt"; then
      quietly "pointing $dir at $prefix" cmake "${llama_cmake_options[@]}" "$dir"
    fi
  done
}
