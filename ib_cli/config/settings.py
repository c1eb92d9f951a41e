"""The top-level keys of a run's config, except groups and multipliers. Their defaults are in conf/config.yaml."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Gt, Interval, MinLen
from pydantic import StringConstraints

Count = Annotated[int, Interval(gt=0, lt=2**31)]
Seed = Annotated[int, Interval(ge=0, lt=2**63)]  # tables of runs hold no larger integers


@dataclass(frozen=True, kw_only=True)
class Settings:
    """conf/config.yaml says what each key means; the annotations say which values it may take."""

    name: Annotated[str, StringConstraints(pattern=r"^\w[\w .+-]*$")]  # becomes a folder in `output`
    seed: Seed
    epochs: Count
    batch_size: Count
    eval_batch_size: Count
    samples: Count
    eval_samples: Count
    iw_samples: Annotated[int, Interval(ge=0, lt=2**31)] = 0  # stored configs of earlier versions lack it
    averaging: Annotated[float, Interval(ge=0, lt=1)]
    clip: Annotated[float, Gt(0)] | None
    evaluate_every: Count
    evaluate_train: bool
    checkpoint_every: Count
    keep_best: bool = False  # stored configs of earlier versions lack it
    device: Literal["auto", "cpu", "cuda"]
    precision: Literal["fp32", "bf16"]
    compile: Literal[False, True, "step"]
    threads: Count | None
    output: Annotated[str, MinLen(1)]
    wait: Annotated[float, Interval(ge=0)] = 86400.0  # stored configs of earlier versions lack it
    figures: bool
    rerun: bool
    debug: bool
    trust: Sequence[str] = ()  # stored configs lack it


# Keys that do not enter a run's id: they do not change its numbers, or only in the last bits (device, threads).
COSMETIC = (
    "name",
    "output",
    "device",
    "figures",
    "rerun",
    "debug",
    "trust",
    "threads",
    "compile",
    "checkpoint_every",
    "keep_best",
    "wait",
    "tracker",
    "dataset.root",
    "dataset.download",
    "procedure.root",
    "procedure.download",
    "objective.pseudo_inputs_start",  # the default of marginal.start, which enters
)

# Groups that came later → the option that is what the program did before. Stored configs of earlier versions lack them.
LATER = {
    group: {"_target_": "none"} for group in ("noise", "noise_measures", "mmd", "critic_z", "critic_x", "input_noise")
}
