#!/usr/bin/env bash
# Installs what this Debian or Ubuntu machine lacks. `setup.sh run`: to build Orrery and open its window;
# `setup.sh test`: also what its tests need (a display without a screen, two software Vulkan drivers, Python with the peers).
set -euo pipefail

run_packages=(build-essential pkg-config git ca-certificates mesa-vulkan-drivers libgl1-mesa-dri libegl1 libvulkan1
  libxkbcommon0 libxkbcommon-x11-0 libxcursor1 libxi6 libxrandr2 libwayland-client0)
test_packages=(xvfb xauth python3 python3-venv chromium)

# Triton's backend for Python, a peer of the tests, links the library of the system's Python.
python="$(apt-cache depends python3 2>/dev/null | grep -om1 'python3\.[0-9]*' || true)"
if [ -n "$python" ] && [[ "$(/sbin/ldconfig -p 2>/dev/null)" != *"lib$python.so"* ]]; then
  test_packages+=("lib$python")
fi

packages=("${run_packages[@]}")
[ "${1:-run}" = test ] && packages+=("${test_packages[@]}")

command -v cargo >/dev/null || { echo "Rust 1.95 or newer is needed: install it with rustup, then run this again." >&2; exit 1; }

if ! command -v apt-get >/dev/null; then
  echo "Not a Debian-like system. Install the equivalents of: ${packages[*]}" >&2
  exit 0
fi

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

echo "Installing: ${missing[*]}" >&2
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
"${as_root[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
