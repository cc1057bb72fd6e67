#!/bin/sh
# The main job: attention of a language model, compiled for this machine, run,
# checked, and drawn. Called by `make demo`.
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build}
out=$build/demo
mkdir -p "$out"
for capture in benchmarks/data/*.safetensors; do
  name=$(basename "$capture" .safetensors)
  "$build/bin/pbs-run" --attention --causal --input "$capture" --check --time \
    --png "$out/$name.png" --json "$out/$name.json"
done
echo "pictures and results: $out"
