#!/usr/bin/env bash
# Compares quantizers on whole networks, in one table a network: see accuracy.py.
#
# usage: tests/interop/accuracy.sh --models DIR --photos DIR [--networks NAME...] [--settings "--effort 2"...] [--tools NAME...] [--json FILE]
#   PYTHON, NNCF_PYTHON, INC_PYTHON, TENSORFLOW_PYTHON: Pythons that have the tools, instead of those installed here (2 GB)
#   A tool that cannot be installed is a line in the table that says so.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=target/interop
mkdir -p "$work"
# install FOLDER REQUIREMENTS
install() {
    if [ ! -x "$work/$1/bin/python" ]; then
        python3 -m venv "$work/$1.part"
        if "$work/$1.part/bin/python" -m pip install --quiet --disable-pip-version-check -r "tests/interop/$2"; then
            mv "$work/$1.part" "$work/$1"
        else
            rm -rf "$work/$1.part"
            echo "MISSING: tests/interop/$2 cannot be installed" >&2
        fi
    fi
}
[ -n "${PYTHON:-}" ] || install venv requirements.txt
[ -n "${NNCF_PYTHON:-}" ] || install nncf requirements_nncf.txt
[ -n "${INC_PYTHON:-}" ] || install neural-compressor requirements_neural_compressor.txt
[ -n "${TENSORFLOW_PYTHON:-}" ] || install tensorflow/venv requirements_tensorflow.txt
export PYTHON=${PYTHON:-$work/venv/bin/python}
export NNCF_PYTHON=${NNCF_PYTHON:-$work/nncf/bin/python}
export INC_PYTHON=${INC_PYTHON:-$work/neural-compressor/bin/python}
export TENSORFLOW_PYTHON=${TENSORFLOW_PYTHON:-$work/tensorflow/venv/bin/python}
cargo build --release -p eightbit-cli
cargo build --release -p eightbit-tensorflow --example to_onnx
release=${CARGO_TARGET_DIR:-target}/release
exec "$PYTHON" tests/interop/accuracy.py --program "$release/eightbit" --to-onnx "$release/examples/to_onnx" --work "$work/accuracy" "$@"
