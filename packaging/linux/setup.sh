#!/usr/bin/env bash
# Installs what this Debian or Ubuntu machine lacks. `setup.sh run`: to build Orrery and open its window;
# `setup.sh test`: also what its tests need (a display without a screen, two software Vulkan drivers, Python with the peers, promtool).
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

# promtool, the tests' judge of /metrics, is in a package whose installation would start a server: only the program is taken out of it.
take_promtool() {
  local tools="${XDG_CACHE_HOME:-$HOME/.cache}/orrery/tools" folder
  if command -v promtool >/dev/null || [ -x "$tools/promtool" ]; then return; fi
  folder="$(mktemp -d)"
  if (
    cd "$folder"
    apt-get download -qq prometheus || { "${as_root[@]}" apt-get update -qq && apt-get download -qq prometheus; }
    dpkg-deb -x prometheus_*.deb .
  ) >/dev/null 2>&1; then
    install -D -m 755 "$folder/usr/bin/promtool" "$tools/promtool"
  else
    echo "promtool could not be had (apt-get download prometheus): the tests will say that its check was skipped." >&2
  fi
  rm -rf "$folder"
}

as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "Installing: ${missing[*]}" >&2
  "${as_root[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
if [ "${1:-run}" = test ]; then take_promtool; fi
