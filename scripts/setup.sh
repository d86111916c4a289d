# Sourced by the other scripts: where the project is, how to say things, and Debian packages that are installed when they
# are missing.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# What building and the quickstart need.
build_packages=(
  libpq-dev libcurl4-openssl-dev libsqlite3-dev libyaml-dev libsimdjson-dev libmicrohttpd-dev zlib1g-dev libssl-dev
  pkg-config postgresql
)
# What the tests need besides: servers, and the programs that judge units and shell completions.
test_packages=(pgbouncer python3 systemd openssl gzip bash zsh fish)

say() { printf '\n==> %s\n' "$*"; }

fail() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

require_swift() {
  command -v swift >/dev/null || fail 'no swift in PATH: install Swift 6 (https://www.swift.org/install/linux/)'
  local version
  version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\).*/\1/p' | head -n 1)
  [ "${version:-0}" -ge 6 ] || fail "Swift 6 is needed; swift --version says: $(swift --version 2>&1 | head -n 1)"
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  else
    command -v sudo >/dev/null || fail "sudo is missing; as root, run: $*"
    sudo "$@"
  fi
}

# Installs those of the packages that are missing. Starts no service and makes no database cluster.
install_packages() {
  local package missing=()
  command -v dpkg-query >/dev/null || fail "this is neither Debian nor Ubuntu: install what these packages hold: $*"
  for package in "$@"; do
    case $(dpkg-query -W -f='${Status}' "$package" 2>/dev/null || true) in
      *' installed') ;;
      *) missing+=("$package") ;;
    esac
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "Installing Debian packages: ${missing[*]}"
  # shellcheck disable=SC2016  # expanded by the inner shell
  as_root env DEBIAN_FRONTEND=noninteractive bash -euc '
    policy=/usr/sbin/policy-rc.d
    clusters=/etc/postgresql-common/createcluster.d
    made=()
    trap "[ \${#made[@]} -eq 0 ] || rm -f \"\${made[@]}\"" EXIT
    # 101: starting a service is not allowed.
    if [ ! -e $policy ]; then
      made+=($policy)
      printf "#!/bin/sh\nexit 101\n" >$policy
      chmod 755 $policy
    fi
    mkdir -p $clusters
    made+=($clusters/airflow-syncer-setup.conf)
    echo "create_main_cluster = false" >$clusters/airflow-syncer-setup.conf
    log=$(mktemp)
    made+=($log)
    { apt-get -qq update && apt-get -qq install -y --no-install-recommends "$@"; } </dev/null >$log 2>&1 || {
      cat $log >&2
      exit 1
    }
  ' install "${missing[@]}" || fail "apt-get could not install: ${missing[*]}"
}

# Whether the toolchain has libFuzzer; not every one does.
has_fuzzer() {
  local resources
  resources=$(swiftc -print-target-info 2>/dev/null | sed -n 's/.*"runtimeResourcePath": "\(.*\)".*/\1/p')
  [ -n "$resources" ] && compgen -G "$resources/clang/lib/*/libclang_rt.fuzzer-*.a" >/dev/null
}
