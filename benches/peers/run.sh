#!/usr/bin/env bash
# Compares this project's speed with that of other libraries: installs the available ones, interleaves their runs on one core,
# writes tables and a chart. README.md describes what is compared.
#
#   benches/peers/run.sh [SUITE…] [OPTIONS]      (--help lists them)
#
# Everything is installed under benches/peers/_deps (PEERS_DEPS: elsewhere): a virtual environment of Python (some gigabytes, mostly
# torch; WITHOUT_TORCH=1 omits it and FBGEMM), oneDNN, the programs. Peers that cannot be installed are skipped with a message.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=$PWD/benches/peers
deps=${PEERS_DEPS:-$here/_deps}
out=${CARGO_TARGET_DIR:-$PWD/target}
python=$deps/venv/bin/python
programs=()

skip() {
    echo "ATTENTION: $*" >&2
}

mkdir -p "$deps"
[ -x "$python" ] || python3 -m venv "$deps/venv"
stamp=$deps/venv/installed
if [ "$here/requirements.txt" -nt "$stamp" ]; then
    echo "installing Python packages into $deps/venv" >&2
    while read -r package; do
        "$python" -m pip install -q --disable-pip-version-check "$package" || skip "$package could not be installed"
    done <"$here/requirements.txt"
    touch "$stamp"
fi
if [ -z "${WITHOUT_TORCH:-}" ] && ! "$python" -c 'import torch, torchvision' 2>/dev/null; then
    echo "installing torch: some gigabytes" >&2
    "$python" -m pip install -q --disable-pip-version-check torch torchvision || skip "torch could not be installed"
fi
"$python" -c 'import matplotlib, numpy' || { echo "error: the report needs matplotlib and numpy" >&2; exit 1; }

# Help and reports measure nothing.
case " $* " in
*" --help "* | *" -h "* | *" report "*) ;;
*)
    cargo build --release -q -p eightbit-cli
    programs+=(--program-eightbit "$out/release/eightbit")
    if onednn=$(PEERS_DEPS="$deps" "$here/onednn/setup.sh"); then
        programs+=(--program-onednn "$onednn")
    else
        skip "oneDNN could not be installed"
    fi
    # Parts of candle's layers are chosen when it is compiled; the other crates choose at run time.
    if RUSTFLAGS="-C target-cpu=native" CARGO_TARGET_DIR="$deps/rust" cargo build --release -q --locked --manifest-path "$here/rust/Cargo.toml"; then
        programs+=(--program-rust "$deps/rust/release/rust-peers")
    else
        skip "the crates rten-gemm, tract-linalg, gemmkit and candle-core could not be built"
    fi
    # It needs an older NumPy than the others.
    larq=$deps/larq/bin/python
    [ -x "$larq" ] || python3 -m venv "$deps/larq"
    there='import flatbuffers, importlib.util, sys; sys.exit(importlib.util.find_spec("larq_compute_engine") is None)'
    if "$larq" -c "$there" 2>/dev/null ||
        "$larq" -m pip install -q --disable-pip-version-check --no-deps 'numpy<2' flatbuffers larq-compute-engine==0.16.0; then
        programs+=(--program-larq "$larq")
    else
        skip "Larq Compute Engine could not be installed: it has wheels for Python 3.10 to 3.12"
    fi
    ;;
esac

PYTHONPATH="$here" exec "$python" -m comparison --out "$out/peers" "${programs[@]}" "$@"
