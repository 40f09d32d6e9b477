#!/usr/bin/env bash
# Installs the inference servers that tests/acceptance/test_inference_servers.py talks to, each in a venv of its own below
# a folder: `tools/inference_servers.sh DIR`, about 1.2 GB; then `INFERENCE_SERVERS=DIR make test`. Without them those tests
# are skipped.
set -euo pipefail
dir=${1:?"usage: tools/inference_servers.sh DIR"}
mkdir -p "$dir"
# Triton's Python backend works with the system's own Python only.
/usr/bin/python3 -m venv "$dir/triton"
"$dir/triton/bin/pip" install -q nvidia-pytriton onnxruntime
for name in kserve mlserver; do
    /usr/bin/python3 -m venv "$dir/$name"
    "$dir/$name/bin/pip" install -q "$name" onnxruntime
done
