#!/usr/bin/env bash
# Resolves pyproject.toml into the lock files. Needs uv (pip install uv). Run it after changing a dependency.
#   runtime.txt      what the service needs, with hashes: in the image, and under everything else
#   gpu.txt          the same with CUDA and cuDNN
#   build.txt        what builds the packages of this project
#   export.txt       what onnx_export needs besides
#   development.txt  everything that make uses, in one and the same set of versions
set -euo pipefail
cd "$(dirname "$0")/.."
compile=(uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --no-emit-index-url --no-header --no-annotate)
# torch's CUDA libraries are its own affair: a CPU build wants none, a CUDA build pins them itself.
mapfile -t cuda < <(printf -- '--no-emit-package=%s\n' cuda-bindings cuda-pathfinder cuda-toolkit triton nvidia-cublas \
  nvidia-cuda-cupti nvidia-cuda-nvrtc nvidia-cuda-runtime nvidia-cudnn-cu13 nvidia-cufft nvidia-cufile nvidia-curand \
  nvidia-cusolver nvidia-cusparse nvidia-cusparselt-cu13 nvidia-nccl-cu13 nvidia-nvjitlink nvidia-nvshmem-cu13 nvidia-nvtx)
"${compile[@]}" "$@" --extra export --extra demo --extra calibrate --extra privacy --extra bench --extra dev "${cuda[@]}" --output-file requirements/development.txt
"${compile[@]}" --constraint requirements/development.txt --extra export "${cuda[@]}" --output-file requirements/export.txt
"${compile[@]}" --constraint requirements/development.txt --generate-hashes --output-file requirements/runtime.txt
"${compile[@]}" --constraint requirements/runtime.txt --extra gpu --generate-hashes --output-file requirements/gpu.txt
grep '^setuptools==' requirements/development.txt > requirements/build.txt
