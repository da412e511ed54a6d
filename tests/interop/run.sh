#!/usr/bin/env bash
# Compares this project with ONNX Runtime, photo by photo and number by number: see float_layers.py and interop.py.
#
# usage: tests/interop/run.sh [--photos DIR] [--calibrate DIR] [--model MODEL.onnx] [--labels TSV]
#   default: the photos of models/photos, both to calibrate and to compare
set -euo pipefail
cd "$(dirname "$0")/../.."
work=target/interop
mkdir -p "$work"
if [ ! -x "$work/venv/bin/python" ]; then
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install --quiet --disable-pip-version-check -r tests/interop/requirements.txt
fi
cargo build --release -p eightbit-cli
cargo build --release -p eightbit-graph --example raw_tensors
program=${CARGO_TARGET_DIR:-target}/release/eightbit
"$work/venv/bin/python" tests/interop/float_layers.py --program "$program" --work "$work"
exec "$work/venv/bin/python" tests/interop/interop.py --program "$program" --work "$work" "$@"
