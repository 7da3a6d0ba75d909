#!/usr/bin/env bash
# From a fresh machine to the main job: installs what is missing, builds, and opens the window on the flights sample.
# Without a display it does the same job headless: train on the sample, then predict on it.
set -euo pipefail
cd "$(dirname "$0")/.."
packaging/linux/setup.sh run

packaging/settle.sh
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/orrery/target}"
cargo build --locked --bin orrery
orrery="$CARGO_TARGET_DIR/debug/orrery"
sample=assets/samples/flights.csv

if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] && [ "${1:-}" != --headless ]; then
  "$orrery" data import "$sample" >/dev/null
  exec "$orrery" --page data
fi

out="$(mktemp -d)/predictions.csv"
"$orrery" train --data "$sample" --target late --model gbt --name flights-sample
"$orrery" predict --model flights-sample --data "$sample" --out "$out"
echo "Predictions: $out"
