"""Commands to be killed: every procedure, launcher, sweeper and console script, each a few seconds long."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from tests.conftest import SMALL


class Case(NamedTuple):
    """A command: `train`, `report`, `encode` or `evaluate`, and its words.

    `{vae}`, `{judge}`: folders of finished runs, and `{study}` of a finished study, which then lie in its folder.
    `alone`: whether it starts no processes of its own, so that a forked one, which may not, can do it.
    """

    command: str
    words: tuple[str, ...]
    alone: bool = True

    @property
    def wants_runs(self) -> bool:
        """Whether it needs finished runs."""
        return any("{" in word for word in self.words)


def trains(*words: str, alone: bool = True) -> Case:
    """A case of ib-train on the few digits of the tests."""
    chosen = any(word.startswith("dataset=") for word in words)  # which may have no number of samples
    small = [word for word in SMALL if not (chosen and word.startswith("dataset."))]
    elsewhere = any(word in words for word in ("architecture=tables", "architecture=therml_toy"))
    small = [word for word in small if not (elsewhere and word.startswith("architecture."))]
    flags = tuple(word for word in words if word == "-m")
    return Case("train", (*flags, *small, *(word for word in words if word != "-m")), alone)


TOY = ("dataset=therml_toy", "architecture=therml_toy", "objective=therml", "weights=point", "batch_size=2000")
CLOUDS = ("dataset=npz", "dataset.path=clouds.npz", "dataset.train_size=null", "dataset.test_size=null")
FREE = ("objective=free_energy", "epochs=4", "procedure.equilibration=2", "procedure.peak=1e-6")
WAY = (*FREE, "dataset=transfer", "dataset.of=digits", "dataset.likelihood=gaussian", "dataset.train_size=80",
       "dataset.test_size=40")  # fmt: skip
WALK = ("procedure.steps=2", "procedure.copies=2", "procedure.tolerance=1e3", "procedure.held=1")
# Everything of a training that has a state.
STATES = ("architecture.batch_norm=true", "architecture.dropout=0.2", "averaging=0.9", "schedule=plateau",
          "schedule.patience=0", "dataset.crop=1", "samples=2", "dataset.validation_size=0.2")  # fmt: skip
GRID = ("-m", "objective=vib", "gamma=0.001,0.1,1", "epochs=3")

CASES = {
    "fit": trains("objective=vib", "epochs=5", "estimators=information_plane", "estimators.use=[gaussian,kraskov]",
                  "figures=true", *STATES),
    "fit, weights": trains("objective=weight_ib", "weights=gaussian", "epochs=5", "evaluate_train=true"),
    "fit, aae": trains("objective=aae", "epochs=5", "figures=true"),
    "fit, gan": trains("objective=gan", "epochs=5", "figures=true"),
    "fit, vq_vae": trains("objective=vq_vae", "epochs=5", "figures=true"),
    "fit, information dropout": trains("objective=information_dropout", "noise_measures=layers", "epochs=5"),
    "fit, tables": trains(*TOY, "epochs=3", "dataset.passes=5", "figures=true", "sigma=0"),
    "noise_scaling": trains("procedure=noise_scaling", "objective=ce", "bottleneck=zero_entropy_noise", "epochs=5"),
    "equilibrate": trains("procedure=equilibrate", *FREE, "procedure.next_gamma=3"),
    "iso_classification": trains("procedure=iso_classification", *FREE, "procedure.steps=2", "procedure.copies=2",
                                 "procedure.length=0.01", "procedure.tolerance=1e3"),
    "equilibrium_dynamics": trains(
        "procedure=equilibrium_dynamics", *CLOUDS, "objective=free_energy", "architecture=tables", "bottleneck.size=2",
        "gamma=0.7", "decoder.likelihood=gaussian", "decoder.scale=0.70710678", "decoder.activation=tanh",
        "decoder.widths=[2]", "lambda=0.5", "procedure.steps=3", "procedure.length=0.01"),
    "direct_transfer": trains("procedure=direct_transfer", *WAY, "procedure.steps=2"),
    "transfer": trains("procedure=transfer", *WAY, *WALK),
    "geodesic_transfer": trains("procedure=geodesic_transfer", *WAY, *WALK, "procedure.slope=-3"),
    "langevin": trains("procedure=langevin", *TOY, "sigma=1", "epochs=8", "procedure.burn_in=2", "procedure.steps=10",
                       "procedure.step_size=1e-2", "procedure.ladder=[2]", "procedure.anneal=5",
                       "procedure.corrected=true"),
    "second_law": trains("procedure=second_law", *TOY, "sigma=1", "epochs=4", "procedure.points=9",
                         "procedure.chains=8", "procedure.prior=0.1", "procedure.step_size=0.01",
                         "procedure.anneal=2", "figures=true"),
    "zeroth_law": trains("procedure=zeroth_law", *TOY, "sigma=1", "epochs=6", "procedure.burn_in=1",
                         "procedure.steps=5", "procedure.chains=2"),
    "exact_frontier": trains("procedure=exact_frontier", *TOY, "sigma=0", "procedure.restarts=2", "figures=true"),
    "exact_frontier, gaussian": trains("procedure=exact_frontier", "dataset=gaussian", "objective=ib_lagrangian",
                                       "gamma=3", "dataset.samples=500", "dataset.test_size=500"),
    "exact_frontier, multirun": trains("-m", "procedure=exact_frontier", *TOY, "sigma=0", "procedure.restarts=1",
                                       "gamma=1.5,3,8"),
    "hand_crafted": trains("procedure=hand_crafted", *TOY[:3], "figures=true"),
    "novelty": Case("train", ("procedure=novelty", "procedure.run={vae}", "device=cpu", "figures=false")),
    "nuisance_probe": Case("train", ("procedure=nuisance_probe", "procedure.run={vae}", "procedure.label=y",
                                     "epochs=5", "architecture.widths=[16]", "device=cpu", "figures=false")),
    "sample_distance": Case("train", ("procedure=sample_distance", "procedure.run={vae}",
                                      "procedure.classifier={judge}", "procedure.samples=200", "device=cpu",
                                      "figures=false")),
    "multirun": trains(*GRID),
    "multirun, vectorized": trains(*GRID, "hydra/launcher=vectorized"),
    "multirun, local": trains(*GRID, "hydra/launcher=local", alone=False),
    "multirun, optuna": trains("-m", "objective=vib", "hydra/sweeper=optuna", "hydra.sweeper.n_trials=4",
                               "gamma=tag(log,interval(1e-4,1))", "epochs=2"),
    "multirun, probes": Case("train", ("-m", "procedure=nuisance_probe", "procedure.run={study}", "procedure.label=y",
                                       "epochs=2", "architecture.widths=[16]", "device=cpu", "figures=false"),),
    "ib-report": Case("report", ("{study}",)),
    "ib-encode": Case("encode", ("{vae}", "--split", "test")),
    "ib-evaluate": Case("evaluate", ("{study}", "--output", "measures.csv")),
}  # fmt: skip

# What must be there before: finished runs, by the name of their study.
FINISHED = {
    "vae": (*SMALL, "objective=vae", "name=vae", "dataset.classes=[0,1,2,3,4]"),
    "judge": (*SMALL, "objective=ce", "name=judge", "dataset.classes=[0,1,2,3,4]"),
    "study": ("-m", *SMALL, "objective=vib", "name=study", "gamma=0.01,0.1,1", "dataset.classes=[0,1,2,3,4]"),
}


def write_clouds(folder: Path) -> None:
    """`clouds.npz`: two classes of points in a plane."""
    rng, y = np.random.default_rng(0), np.arange(24) % 2
    np.savez(folder / "clouds.npz", x=2.0 * y[:, None] + rng.normal(size=(24, 2)), y=y)
