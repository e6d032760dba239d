# A real OpenAI-compatible server for the tests of the engine `http`: that of llama.cpp, which the Python package xllamacpp ships built.
# Fetched by hash, never installed into the system. Needs common.sh and llama.sh.
#
#   openai_server_install  makes sure it is there and exports OPENPCC_OPENAI_SERVER, a folder for PYTHONPATH

openai_server_version=2026.10.11549
openai_server_sha256_x86_64=c54e7d13520ecc989c63dc99d55de3065e2f343a91f43f053d16b5e62077c261
openai_server_sha256_aarch64=e2a3e79e775515de4ad197e667f874070446ef9ac9cf2044bc9866bc4c72289e

openai_server_make() {
  local folder=$1 sha256=$2 work wheels
  [ ! -d "$folder" ] || return 0 # made while we waited for the lock
  mkdir -p "$(dirname "$folder")"
  work=$(mktemp -d "$(dirname "$folder")/.fetching.XXXXXX")
  # shellcheck disable=SC2064  # the folder of this run
  trap "rm -rf '$work'" EXIT
  quietly "fetching an OpenAI-compatible server for the tests (34 MB)" pypi_file wheel xllamacpp "$openai_server_version" "$work"
  wheels=("$work"/*.whl)
  check_sha256 "${wheels[0]}" "$sha256"
  python3 -m zipfile -e "${wheels[0]}" "$work/unpacked" || die "cannot unpack $(basename "${wheels[0]}")"
  mv "$work/unpacked" "$folder" || die "cannot write $folder"
  rm -rf "$work"
  trap - EXIT
}

openai_server_install() {
  local folder machine sha256
  folder=$(cache_dir)/openai-server/$openai_server_version
  machine=$(uname -m)
  case "$machine" in
    x86_64) sha256=$openai_server_sha256_x86_64 ;;
    aarch64 | arm64) sha256=$openai_server_sha256_aarch64 ;;
    *) say "skipped: the tests with a real OpenAI-compatible server: there is none for $machine"; return ;;
  esac
  [ -d "$folder" ] || with_lock openai-server openai_server_make "$folder" "$sha256"
  export OPENPCC_OPENAI_SERVER=$folder
}
