# Debian packages, by purpose. Only what is missing is installed.

packages_build=(ca-certificates git g++ make cmake ninja-build ccache pkg-config python3 python3-pip
  libssl-dev libboost-dev libprotobuf-dev protobuf-compiler libtss2-dev libtss2-tcti-swtpm0 libtss2-tcti-mssim0 libtss2-tcti-device0
  nlohmann-json3-dev libyaml-cpp-dev libcli11-dev libspdlog-dev libseccomp-dev prometheus-cpp-dev
  libgtest-dev libgmock-dev swtpm iproute2 procps gdb)
packages_lint=(clang-format-14)
packages_clang=(clang-19 libclang-rt-19-dev clang-tidy-19)
packages_tsan=(llvm-19) # its symbolizer: without it reports name no function
packages_bench=(libbenchmark-dev openssl)

# setup_packages GROUP...: groups are build, lint, clang, tsan, bench.
setup_packages() {
  local group missing=() package
  for group in "$@"; do
    local -n list="packages_$group"
    for package in "${list[@]}"; do
      dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || die "these packages are missing and apt-get is not here to install them: ${missing[*]}"
  say "installing ${#missing[@]} packages: ${missing[*]}"
  quietly "apt-get update" as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
  quietly "apt-get install" as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
}
