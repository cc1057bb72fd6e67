#!/bin/sh
# Installs what building and testing need, on Debian 12, as root or through
# sudo, without questions. Does nothing where everything is installed already.
set -eu

packages="clang libclang-rt-14-dev cmake ninja-build make git ca-certificates ccache
  libmlir-22-dev mlir-22-tools llvm-22-dev llvm-22-tools
  zlib1g-dev libzstd-dev libgtest-dev xz-utils
  python3 python3-numpy python3-pytest python3-psutil"

say() { echo "setup: $*" >&2; }

missing() {
  for package in $packages; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null |
      grep -q 'ok installed' || printf '%s ' "$package"
  done
}

if [ "${PBS_SKIP_SETUP:-0}" = 1 ]; then
  exit 0
fi

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  say "this system has no apt-get; install by hand: LLVM and MLIR 22 with" \
    "their tools (mlir-tblgen, FileCheck, lit), clang, CMake 3.20, Ninja," \
    "zlib, zstd, GoogleTest, Python 3.9 with numpy and pytest; then" \
    "set MLIR_DIR to lib/cmake/mlir of that LLVM and PBS_SKIP_SETUP=1"
  exit 1
fi

wanted=$(missing)
if [ -z "$wanted" ]; then
  exit 0
fi

as_root=
if [ "$(id -u)" != 0 ]; then
  if ! command -v sudo >/dev/null; then
    say "expected to run as root or with sudo, to install: $wanted"
    exit 1
  fi
  as_root=sudo
fi
apt="$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q \
  -o Dpkg::Use-Pty=0"

say "installing $wanted"
$apt update

# LLVM 22 is in Debian 12's security suite. A default installation has that
# suite; a plain debootstrap has not, so it is added beside its mirror.
if ! apt-cache show libmlir-22-dev >/dev/null 2>&1; then
  . /etc/os-release
  if [ "${ID:-}" != debian ] || [ "${VERSION_ID:-}" != 12 ]; then
    say "no package libmlir-22-dev for ${PRETTY_NAME:-this system}; expected" \
      "Debian 12, or LLVM and MLIR 22 installed by hand with MLIR_DIR and" \
      "PBS_SKIP_SETUP=1 set"
    exit 1
  fi
  mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' |
    head -n 1)
  say "adding the security suite of $mirror"
  echo "deb $mirror-security $VERSION_CODENAME-security main" |
    $as_root tee /etc/apt/sources.list.d/pbs-llvm.list >/dev/null
  $apt update
fi

# shellcheck disable=SC2086
$apt install -y --no-install-recommends $wanted

wanted=$(missing)
if [ -n "$wanted" ]; then
  say "expected these packages to be installed now: $wanted"
  exit 1
fi
