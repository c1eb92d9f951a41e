"""The end of benchmarks/on_a_gpu.sh: the tests' summary goes into gpu.json, and a line says what was found.

    python benchmarks/gpu_verdict.py FOLDER      # ends with 1 where a row was not measured

Standard library only.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path


def main(folder: Path) -> int:
    """Add the tests' last line to gpu.json; 1 where a row, or the file, is missing."""
    file = folder / "gpu.json"
    if not file.exists():
        print(f"on_a_gpu: no row was measured; {folder / 'benchmark.log'} says why", file=sys.stderr)
        return 1
    found = json.loads(file.read_text(encoding="utf-8"))
    log = (folder / "tests.log").read_text(encoding="utf-8", errors="replace")
    summaries = re.findall(r"^=*\s*(.*\d+ (?:passed|failed|skipped|errors?)\b.* in .*?)\s*=*$", log, re.MULTILINE)
    found["tests"] = summaries[-1] if summaries else "cut short; tests.log has what came before"
    file.write_text(json.dumps(found, indent=1, ensure_ascii=False), encoding="utf-8")
    rows = found["sections"]["gpu"]
    absent = [row["case"] for row in rows if not row["measured"]]
    missed = [row["case"] for row in rows if row["met"] is False]
    print(f"tests: {found['tests']}; {len(rows) - len(absent)} of {len(rows)} rows measured; {folder}")
    for what, cases in (("not measured", absent), ("target missed", missed)):
        for case in cases:
            print(f"  {what}: {case}")
    return 1 if absent else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
