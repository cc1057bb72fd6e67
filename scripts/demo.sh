#!/bin/sh
# The main job: attention of a language model, compiled for this machine, run,
# checked, and drawn. Called by `make demo`.
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build}
out=$build/demo
mkdir -p "$out"
"$build/bin/pbs-run" --attention --check --time \
  --input benchmarks/data/smollm2-135m-genesis.safetensors \
  --png "$out/%s.png" --json "$out/figures.json"
echo "pictures and figures: $out"
