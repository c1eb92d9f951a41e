#!/usr/bin/env bash
# The first thing to run on a machine with a GPU: the tests marked `cuda`, then the table of speeds. Below 9 minutes.
#
#   benchmarks/on_a_gpu.sh [--dry-run] [WHEELS]
#
# WHEELS (or IB_WHEELS): a folder made by benchmarks/wheels.sh, for what this machine lacks; nothing is fetched, and the
#   machine's own environment stays as it is. OUT: where the results go, else outputs/gpu: gpu.json (machine, tests,
#   rows), gpu.md (the table), tests.log, benchmark.log. PYTHON: the interpreter that has torch, else python3.
# IB_DATA: a folder with MNIST, FashionMNIST and CIFAR-10; without it their tests are skipped.
# --dry-run: a few tests and tiny sizes, on the CPU.
# Ends with 0 where the tests passed and every row was measured, else with 1; with 2 where it cannot begin.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

dry=""
if [ "${1:-}" = --dry-run ]; then
  dry=yes
  shift
fi
wheels="${1:-${IB_WHEELS:-}}"
python="${PYTHON:-python3}"
out="${OUT:-outputs/gpu}"
mkdir -p "$out"
out="$(cd "$out" && pwd)"
site="$(mktemp -d)"
trap 'rm -rf "$site"' EXIT
export PYTHONPATH="$PWD:$site${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1
end=$((SECONDS + 530))  # the whole

mapfile -t missing < <("$python" benchmarks/carried.py missing || echo stop)
if [ "${missing[*]: -1}" = stop ]; then
  exit 2
fi
if [ -n "${missing[*]}" ]; then
  if [ ! -d "$wheels" ]; then
    echo "on_a_gpu: this machine lacks ${missing[*]}: name a folder made by benchmarks/wheels.sh" >&2
    exit 2
  fi
  "$python" -m pip install -q --no-index --no-deps --no-compile --find-links "$wheels" --target "$site" "${missing[@]}"
fi

if [ -n "$dry" ]; then
  export CUDA_VISIBLE_DEVICES="" IB_TEST_DEVICE=cpu
  chosen=(tests/cuda/test_estimators.py -k "ksg or gao or categorical")
  sizes=(--tiny --repeats 1)
else
  "$python" -c 'import sys, torch; sys.exit("on_a_gpu: torch sees no CUDA device here" if not torch.cuda.is_available() else 0)' \
    || exit 2
  chosen=(tests/cuda --durations=10)
  # Several at a time, where that can be: most of a test is Python's own time.
  if "$python" -c 'import xdist' 2>/dev/null; then
    chosen+=(-n 6 --dist worksteal)
  fi
  sizes=(--repeats 3)
fi

# SIGINT, so that pytest and the benchmark tell what they have; what is still there 10 s later is killed.
code=0
timeout -s INT -k 10 250 "$python" -m pytest -q -m cuda -rfE -p no:cacheprovider "${chosen[@]}" 2>&1 \
  | tee "$out/tests.log" || code=1
left=$((end - SECONDS))
timeout -s INT -k 10 "$left" "$python" -m benchmarks gpu "${sizes[@]}" --seconds $((left - 15)) \
  --json "$out/gpu.json" --page "$out/gpu.md" 2>&1 | tee "$out/benchmark.log" || code=1
"$python" benchmarks/gpu_verdict.py "$out" || code=1
exit "$code"
