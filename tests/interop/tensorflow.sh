#!/usr/bin/env bash
# Compares this project with TensorFlow, operator by operator and on whole networks: see frozen_graphs.py, recipe.py and every_node.py.
#
# usage: tests/interop/tensorflow.sh [--graph FILE.pb --outputs NAME... [--cut NAME=SHAPE] [--reach LOW HIGH]]
#        tests/interop/tensorflow.sh recipe --graph FILE.pb --photos DIR [--photo PHOTO] [--size 299 --mean 0 --std 255 ...]
#        tests/interop/tensorflow.sh nodes [--graph FILE.pb] [--shape 1,224,224,3] [--seeds 4]
#   default: small graphs of every operator
#   recipe: TensorFlow's transform_graph and label_image on a network, in one table
#   nodes: every output of every node of an eight-bit graph, or of chains of eight-bit operators, bit for bit
#   TENSORFLOW_PYTHON: a Python with TensorFlow, instead of one installed here
set -euo pipefail
cd "$(dirname "$0")/../.."
work=target/interop/tensorflow
mkdir -p "$work"
python=${TENSORFLOW_PYTHON:-$work/venv/bin/python}
if [ -z "${TENSORFLOW_PYTHON:-}" ] && [ ! -x "$python" ]; then
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install --quiet --disable-pip-version-check -r tests/interop/requirements_tensorflow.txt
fi
cargo build --release -p eightbit-cli
export TF_ENABLE_ONEDNN_OPTS=0 TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES=
script=frozen_graphs
case "${1:-}" in
    recipe) script=recipe; shift ;;
    nodes) script=every_node; shift ;;
esac
exec "$python" "tests/interop/$script.py" --work "$work" --program "${CARGO_TARGET_DIR:-target}/release/eightbit" "$@"
