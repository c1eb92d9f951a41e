"""Who may import whom: the doors of docs/architecture.md stay shut."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import ib_cli
from ib_cli.config.catalogue import choices

PACKAGE = Path(ib_cli.__file__).parent
# Every folder with modules, from the ground up: its files import their own folder and lower ones only.
FLOORS = (
    "contracts",
    "system",
    "config",
    "estimators/neighbours",
    "estimators",
    "exact",
    "sampling",
    "datasets",
    "model/blocks",
    "model/noise",
    "model/architectures",
    "model/bottlenecks",
    "model/classifiers",
    "model/decoders",
    "model/marginals",
    "model/backward_encoders",
    "model/windows",
    "model/critics",
    "model/discrepancies",
    "model/weights",
    "model",
    "functionals",
    "watch/pictures",
    "watch",
    "watch/trackers",
    "engine",
    "experiment",
    "procedures/fit",
    "procedures/thermodynamics",
    "procedures/free_energy",
    "procedures",
    "study",
    "run",
    "report/read",
    "report/quantities",
    "report/laws",
    "report/panels",
    "report/figures",
    "report/page",
    "report",
)
LOOSE = {"__init__.py", "__main__.py", "commands.py", "main.py"}
PARTS = [folder for folder in FLOORS if folder.startswith("model/")]
ROOMS = [*PARTS, "estimators", "estimators/neighbours", "functionals", "sampling"]
SEEN_BY_FUNCTIONALS = ("ib_cli.contracts", "ib_cli.estimators", "ib_cli.config")
HYDRA = {
    "main.py",
    "config/guarded_hydra.py",
    "config/hydra_parser.py",
    "config/quick_composing.py",
    "config/shown_package.py",
    "run/validation.py",
    "run/run.py",
    "run/library.py",
    "study/callback.py",
}  # the only users of Hydra and OmegaConf


@cache  # many tests go through all files
def nodes(file: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(file.read_text())))


def imports(file: Path) -> set[str]:
    """Every module that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in nodes(file):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def tops(file: Path) -> set[str]:
    return {name.split(".")[0] for name in imports(file)}


def ours(file: Path) -> set[str]:
    """Modules of ours that a file imports, also where a module is imported as a name of its package."""
    found: set[str] = set()
    for node in nodes(file):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return {name for name in found if name.partition(".")[0] == PACKAGE.name and is_module(name)}


def is_module(name: str) -> bool:
    path = PACKAGE.parent / name.replace(".", "/")
    return path.with_suffix(".py").is_file() or ((path / "__init__.py").is_file() and name != PACKAGE.name)


def floor_of(module: str) -> str:
    """The folder of a module, or of a package that is imported as such."""
    path = PACKAGE.parent / module.replace(".", "/")
    return (path if path.is_dir() else path.parent).relative_to(PACKAGE).as_posix()


def test_every_folder_has_its_floor() -> None:
    found = {file.parent.relative_to(PACKAGE).as_posix() for file in PACKAGE.rglob("*.py") if file.read_text().strip()}
    assert found - {"."} == set(FLOORS)
    assert {file.name for file in PACKAGE.glob("*.py")} == LOOSE
    assert len({folder.partition("/")[0] for folder in FLOORS}) <= 16


@pytest.mark.parametrize("folder", FLOORS)
def test_a_folder_imports_lower_folders_only(folder: str) -> None:
    allowed = set(FLOORS[: FLOORS.index(folder) + 1])
    for file in (PACKAGE / folder).glob("*.py"):
        above = {name for name in ours(file) if floor_of(name) not in allowed}
        assert not above, f"{file.relative_to(PACKAGE)} imports {', '.join(sorted(above))}"


def test_contracts_import_torch_and_the_standard_library_only() -> None:
    for file in (PACKAGE / "contracts").glob("*.py"):
        assert tops(file) <= {"torch", "ib_cli", *sys.stdlib_module_names}, file.name


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_know_nothing_of_data_procedures_records_or_hydra(room: str) -> None:
    shut = (
        "ib_cli.datasets",
        "ib_cli.engine",
        "ib_cli.experiment",
        "ib_cli.procedures",
        "ib_cli.run",
        "hydra",
        "omegaconf",
    )
    for file in (PACKAGE / room).glob("*.py"):
        assert not [name for name in imports(file) if name.startswith(shut)], file.name


def test_the_exact_frontier_imports_nothing_of_ours() -> None:
    for file in (PACKAGE / "exact").glob("*.py"):
        ours = {name for name in imports(file) if name.startswith("ib_cli")}
        assert all(name == "ib_cli.exact" or name.startswith("ib_cli.exact.") for name in ours), file.name
    assert "torch" not in tops(PACKAGE / "exact" / "gaussian_ib.py") | tops(PACKAGE / "exact" / "__init__.py")


def test_samplers_know_torch_alone() -> None:
    for file in (PACKAGE / "sampling").glob("*.py"):
        ours = {name for name in imports(file) if name.startswith("ib_cli") and not name.startswith("ib_cli.sampling")}
        assert not ours and tops(file) <= {"torch", "ib_cli", *sys.stdlib_module_names}, file.name


def test_functionals_never_see_the_model() -> None:
    for file in (PACKAGE / "functionals").glob("*.py"):
        seen = {name for name in ours(file) if not name.startswith("ib_cli.functionals")}
        assert not {name for name in seen if not name.startswith(SEEN_BY_FUNCTIONALS)}, file.name


def test_only_main_build_run_and_study_use_hydra() -> None:
    for file in PACKAGE.rglob("*.py"):
        if file.relative_to(PACKAGE).as_posix() not in HYDRA:
            assert not tops(file) & {"hydra", "omegaconf"}, file.name


def test_the_report_reads_records_without_torch_or_hydra() -> None:
    shut = {"torch", "hydra", "omegaconf", "wandb"}
    for file in (PACKAGE / "report").rglob("*.py"):
        assert not tops(file) & shut, file.name
    code = f"""
import sys, ib_cli.report.main
assert not {{'pandas', 'matplotlib', 'scipy'}} & set(sys.modules)  # so that it starts at once
import ib_cli.report.read.runs, ib_cli.report.panels.contents, ib_cli.report.write, ib_cli.report.page.page
assert not {shut} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_model_computes_no_loss() -> None:
    assert not [
        name for name in imports(PACKAGE / "model" / "model.py") if "functionals" in name or "objective" in name
    ]


def test_nobody_branches_on_an_objective() -> None:
    names = set(choices("objective"))
    for file in PACKAGE.rglob("*.py"):
        for node in nodes(file):
            if isinstance(node, ast.Compare | ast.Match):
                strings = {part.value for part in ast.walk(node) if isinstance(part, ast.Constant)}
                assert not strings & names, f"{file.name}:{node.lineno}"


def test_importing_changes_no_global_state() -> None:
    code = """
import torch, sys
before = (torch.get_num_threads(), torch.get_default_dtype(), torch.initial_seed(), torch.is_grad_enabled())
import ib_cli.main, ib_cli.run.run
assert before == (torch.get_num_threads(), torch.get_default_dtype(), torch.initial_seed(), torch.is_grad_enabled())
assert not [name for name in sys.modules if name.startswith(('wandb', 'matplotlib', 'tensorboard', 'sklearn'))]
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_help_does_not_import_torch() -> None:
    code = "import sys, ib_cli.main; assert 'torch' not in sys.modules and 'pandas' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
