#!/usr/bin/env bash
# A folder of wheels for a machine that has torch and no network: what `benchmarks/on_a_gpu.sh` installs there.
#
#   benchmarks/wheels.sh FOLDER [PYTHON]      # PYTHON: the other machine's version, 3.12 if it is not given
#
# Under 5 MiB in all. The versions are those of constraints.txt.
set -euo pipefail
repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
if [ $# -lt 1 ]; then
  echo "usage: benchmarks/wheels.sh FOLDER [PYTHON]" >&2
  exit 2
fi
mkdir -p "$1"
folder="$(cd "$1" && pwd)"
python="${2:-3.12}"

# Only this one has no wheel; it is plain Python, so that a wheel made here serves everywhere.
antlr="$(grep -i '^antlr4-python3-runtime==' "$repository/constraints.txt")"
python3 -m pip wheel -q --no-deps --wheel-dir "$folder" "$antlr"

python3 -m pip download -q --dest "$folder" --find-links "$folder" --constraint "$repository/constraints.txt" \
  --only-binary=:all: --implementation cp --python-version "$python" \
  --platform manylinux_2_28_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 \
  hydra-core omegaconf pydantic annotated-types cloudpickle
du -sh "$folder"
