#!/usr/bin/env bash
# Compares this project with TensorFlow, operator by operator and on whole networks: see frozen_graphs.py.
#
# usage: tests/interop/tensorflow.sh [--graph FILE.pb --outputs NAME...]
#   default: small graphs of every operator
set -euo pipefail
cd "$(dirname "$0")/../.."
work=target/interop/tensorflow
mkdir -p "$work"
if [ ! -x "$work/venv/bin/python" ]; then
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install --quiet --disable-pip-version-check -r tests/interop/requirements_tensorflow.txt
fi
cargo build --release -p eightbit-cli
export TF_ENABLE_ONEDNN_OPTS=0 TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES=
exec "$work/venv/bin/python" tests/interop/frozen_graphs.py --work "$work" "$@"
