"""The choices on the command line, read from conf/ and sweeps/ without torch or Hydra."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ib_cli.config.multipliers import MULTIPLIERS, parse_weight
from ib_cli.system.places import is_folder


@cache
def directory(name: str) -> Path:
    """conf/ or sweeps/: within the package in a wheel, beside it in a checkout."""
    package = Path(__file__).parents[1]
    return package / name if (package / name).is_dir() else package.parent / name


def choices(group: str) -> list[str]:
    """The options of a config group, such as `objective`; the studies for `sweep`."""
    folder = directory("sweeps") if group == "sweep" else directory("conf") / group
    return sorted(file.stem for file in folder.glob("*.yaml")) if is_folder(folder) else []


def groups() -> list[str]:
    """The config groups to choose from."""
    folders = (
        file.name for file in directory("conf").iterdir() if file.is_dir() and not file.name.endswith("_options")
    )
    return [*sorted(set(folders) - {"hydra"}), "sweep"]


@cache
def objective(name: str) -> dict[str, Any]:
    """The content of conf/objective/NAME.yaml."""
    return yaml.safe_load((directory("conf") / "objective" / f"{name}.yaml").read_text(encoding="utf-8"))


@cache
def usual(group: str, objective: str) -> frozenset[str]:
    """The options of a part of the model that nobody has to choose: the default, and those that other options bring.

    `objective` is the name of the run's own; an architecture or a data set may bring parts that go with it.
    """
    conf = directory("conf")
    files = [conf / "config.yaml", conf / "objective" / f"{objective}.yaml"]
    files += [file for folder in ("architecture", "dataset") for file in (conf / folder).glob("*.yaml")]
    chosen = re.compile(rf"^\s*- (?:override /)?{group}(?:@\S+)?: (\w+)", re.MULTILINE)
    return frozenset(
        name for file in files if file.is_file() for name in chosen.findall(file.read_text(encoding="utf-8"))
    )


def multipliers(name: str) -> list[str]:
    """The multipliers of an objective, in the order of its file."""
    return [key for key in objective(name) if key in MULTIPLIERS]


def lagrangian(name: str) -> str:
    """The objective's sum with its multipliers as symbols: `C + gamma R`."""
    text = ""
    for symbol, weight in objective(name)["objective"]["minimise"].items():
        coefficient, names = parse_weight(symbol, weight)
        if coefficient == 0:  # measured only
            continue
        sign = "-" if coefficient < 0 else "+"
        text += f" {sign} " if text else ("-" if coefficient < 0 else "")
        number = [] if abs(coefficient) == 1 else [f"{abs(coefficient):g}"]
        text += " ".join([*number, *names, symbol])
    return text


HEAD = """\
ib-train: train an information-bottleneck model; record R, C, D and accuracy.

  ib-train [GROUP=OPTION …] [KEY=VALUE …]

"""
FOOT = """\

Examples
  ib-train
  ib-train objective=vib gamma=1e-2 dataset=mnist architecture=mlp
  ib-train objective=beta_vae beta=0.5 bottleneck.size=16 epochs=100
  ib-train -m gamma=1e-4,1e-3,1e-2,1e-1 'seed=range(5)' name=my_study
  ib-train dataset=cifar10 architecture=resnet18 optimizer=sgd schedule=cosine

Every key with its meaning: conf/config.yaml and the group's own file; with its
value in your run: ib-train --cfg job. The same command again goes on with an
interrupted run and shows a finished one. More flags: ib-train --hydra-help
"""


def help_text(own: Sequence[Path] = ()) -> str:
    """The text of `ib-train --help`: groups with their options, and objectives with their sums.

    `own`: folders with further configs. Hydra's own help reads every group of every plugin first, which takes longer
    than everything here.
    """
    width = max(map(len, groups()))
    lines = ["Groups (group=option)"]
    shown = [*groups(), "hydra/launcher", "hydra/sweeper"]
    lines += [_wrapped(f"  {group:<{width}}  ", choices(group)) for group in shown]
    for folder in own:
        lines += ["", f"In {folder}", *_own_groups(folder)]
    width = max(map(len, choices("objective")))
    lines += ["", "Objectives and their multipliers (gamma=1e-2)"]
    lines += [_wrapped(f"  {name:<{width}}  ", f"minimise {lagrangian(name)}".split()) for name in choices("objective")]
    return HEAD + "\n".join(lines) + "\n" + FOOT


def _own_groups(folder: Path) -> list[str]:
    """The groups and options of a folder of one's own; options in the folder itself are configs by themselves."""
    options: dict[str, list[str]] = {}
    for file in sorted(folder.rglob("*.yaml")):
        if file.is_file():
            options.setdefault(file.parent.relative_to(folder).as_posix(), []).append(file.stem)
    width = max(map(len, options), default=0)
    shown = [(group if group != "." else "", names) for group, names in options.items()]
    return [_wrapped(f"  {group:<{width}}  ", names) for group, names in shown] or ["  no *.yaml"]


def _wrapped(label: str, words: list[str], columns: int = 80) -> str:
    lines = [label]
    for word in words:
        if len(lines[-1]) + len(word) > columns:
            lines.append(" " * len(label))
        lines[-1] += word + " "
    return "\n".join(line.rstrip() for line in lines)
