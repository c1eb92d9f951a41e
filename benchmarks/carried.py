"""What a machine with torch may still lack: the packages that the program and its GPU tests import.

    python benchmarks/carried.py missing      # one name a line: those that cannot be imported here
    python benchmarks/carried.py names        # all of them

Not among them are torch and torchvision, and what nothing imports until it is asked for: wandb, plotly and others.
Standard library only, as it runs before anything is installed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import find_spec

# Names as pip knows them → the modules that they install. torch brings typing-extensions, jinja2 and numpy itself.
PACKAGES = {
    "hydra-core": "hydra",
    "omegaconf": "omegaconf",
    "antlr4-python3-runtime": "antlr4",
    "pydantic": "pydantic",
    "pydantic-core": "pydantic_core",
    "annotated-types": "annotated_types",
    "typing-inspection": "typing_inspection",
    "typing-extensions": "typing_extensions",
    "packaging": "packaging",
    "PyYAML": "yaml",
    "cloudpickle": "cloudpickle",
}
# Larger ones, which machines for such work have; they are told where they are missing, and not carried.
EXPECTED = {
    "torch": "torch",
    "torchvision": "torchvision",
    "numpy": "numpy",
    "scipy": "scipy",
    "scikit-learn": "sklearn",
    "matplotlib": "matplotlib",
    "rich": "rich",
    "pytest": "pytest",
}


def missing(packages: dict[str, str], find: Callable[[str], object | None] = find_spec) -> list[str]:
    """Names of the packages whose modules cannot be found."""
    return [name for name, module in packages.items() if find(module) is None]


def main(word: str) -> int:
    """Print names; 1 where a package is missing that is not carried."""
    if absent := missing(EXPECTED):
        print(f"on_a_gpu: this machine lacks {', '.join(absent)}, which are not carried: install them", file=sys.stderr)
        return 1
    print("\n".join(missing(PACKAGES) if word == "missing" else PACKAGES))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
