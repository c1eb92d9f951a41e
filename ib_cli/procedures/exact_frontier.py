"""A procedure that trains nothing: the exact optimum for the data's law, or what a linear Gaussian model attains."""

from __future__ import annotations

import io
import logging
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
import torch
from annotated_types import Gt
from torch import Tensor

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.passes import needed
from ib_cli.datasets.data import Data
from ib_cli.datasets.joint_gaussian import JointGaussian
from ib_cli.exact.gaussian_ib import GaussianIB
from ib_cli.exact.measured import measured
from ib_cli.exact.table import Table, entropy
from ib_cli.exact.tabular import solve
from ib_cli.exact.transition import transition
from ib_cli.experiment.experiment import Experiment, Finished
from ib_cli.experiment.procedure import Procedure
from ib_cli.experiment.recording import Clock, record
from ib_cli.functionals.worlds import Worlds
from ib_cli.procedures.linear_gaussian import linear_gaussian, unsuitable
from ib_cli.system.atomic import write_atomically
from ib_cli.watch.pictures.tables import Tables, draw_tables

FUNCTIONALS = ("R", "D", "C")  # their weighted sum has an exact optimum
MOST = 2_000  # distinct x that a table may have
FIRST = 4 * MOST  # samples of large data that show whether there are more
FILE = "tables.npz"  # holds the optimum, in the run's folder
Kind = Literal["auto", "tables", "linear_gaussian"]

log = logging.getLogger(__name__)


class ExactFrontier(Procedure):
    """The least ρR + δD + γC over all models, with the weights of the experiment's objective (TherML, §2).

    Discrete x and labels: over all tables e(z|x), m(z), d(x|z), c(y|z), given the joint table of the train split
    (`exact.tabular.solve`); every split is measured with these tables. Gaussian data: the optimum of their law
    (`exact.gaussian_ib`), the same for all splits. The optimum goes to `tables.npz` in the run's folder: x, p (X, Y),
    encoder (X, K), marginal (K,), decoder (K, X) and classifier (K, Y); for Gaussian data covariance and projection A,
    z = A x + N(0, I). The experiment's model is not used, and no checkpoint is saved.

    Data as they are, such as images, and a weighted sum of R and a D of Gaussian likelihood: reverse water-filling of
    the train split's covariance (`linear_gaussian`), which a linear Gaussian model attains. It bounds no other model.
    `kind` chooses; `auto` takes tables where the data have them.

    `transition` is the weight of C, in units of R's weight less D's, above which R is not 0, `transition_local` the one
    above which R = 0 is not a local optimum either (`exact.transition`).

    The train split's measures of tables say how far the optimum is proven: `gap`, nats by which J is at most above the
    least J of any encoder, and `certified`, 1 where the gap is within the tolerance. Else a warning says so.
    """

    name = "exact_frontier"
    samples_weights = True  # so that `check` refuses a weight of S

    def __init__(
        self,
        *,
        states: Annotated[int, Gt(0)] | None,
        restarts: Annotated[int, Gt(0)],
        tolerance: Annotated[float, Gt(0)],
        kind: Kind = "auto",  # stored configs of earlier versions lack it
    ) -> None:
        self.states, self.restarts, self.tolerance, self.kind = states, restarts, tolerance, kind

    def check(self, experiment: Experiment) -> None:
        """Raises ConfigError for an objective or data without an optimum here.

        The objective may weight R, D and C only, none of them negatively nor with a power. The data must be discrete,
        with labels and at most 2,000 different x; or Gaussian, where R must outweigh D; or the objective must suit
        reverse water-filling.
        """
        of_all = rho, delta, gamma = weights(experiment)
        data = experiment.data
        if isinstance(data.source, JointGaussian):
            if self.kind != "auto":
                raise ConfigError(f"procedure.kind={self.kind}: the law of these data is known; set it to auto")
            if rho <= delta:
                raise ConfigError(
                    "procedure=exact_frontier: for Gaussian data R needs a larger weight than D, or J has no least "
                    "value"
                )
            return
        wrong = unsuitable(experiment, of_all) if self._linear(experiment) else no_table(data)
        if wrong and delta == gamma == 0:
            wrong = "D and C have weight 0: R alone is least, 0, where z tells nothing: give D or C a weight"
        if wrong:
            raise ConfigError(f"procedure=exact_frontier: {wrong}")

    def _linear(self, experiment: Experiment) -> bool:
        """Whether to fill a covariance with water, and not to solve a table."""
        if self.kind != "auto":
            return self.kind == "linear_gaussian"
        return not unsuitable(experiment, weights(experiment)) and bool(no_table(experiment.data))

    def facts(self, experiment: Experiment) -> Mapping[str, str]:
        """The model is `none`."""
        if isinstance(experiment.data.source, JointGaussian):
            return {"model": "none: every Gaussian z, in closed form"}
        if self._linear(experiment):
            return {"model": "none: what a linear Gaussian one attains, by reverse water-filling"}
        return {
            "model": f"none: all tables, {self.states or 'as many'} values of z{'' if self.states else ' as x has'}"
        }

    def run(self, experiment: Experiment, checkpoint: dict[str, Any] | None) -> Finished:
        """Solve, measure and save. There is no checkpoint to go on from."""
        clock, data = Clock(), experiment.data
        linear = not isinstance(data.source, JointGaussian) and self._linear(experiment)
        if isinstance(data.source, JointGaussian):
            measures, tables, steps = _of_gaussian(experiment, data.source)
        elif linear:
            rho, delta, _ = weights(experiment)
            measures, tables, steps = linear_gaussian(experiment, rho, delta)
        else:
            measures, tables, steps = _of_table(experiment, self.states, self.restarts, self.tolerance)
        for split, found in measures.items():
            found["J"] = float(experiment.objective.total(found, experiment.multipliers))
            record(experiment, 0, steps, split, found)
        _save(experiment, tables)
        if experiment.settings.figures and experiment.data.spec.one_hot and not linear:
            _draw(experiment, tables, measures["train"])
        return Finished(epochs=0, seconds=clock.read(), measures=measures)

    def parameters(self, experiment: Experiment, checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
        """Raises ValueError: there is no trained model."""
        raise ValueError(f"procedure={self.name} trains no model: its optimum is in {FILE}")


def weights(experiment: Experiment) -> tuple[float, float, float]:
    """ρ, δ, γ: the weights of R, D and C in the experiment's objective.

    Raises ConfigError for a weighted term that is another functional or a power, and for a negative weight.
    """
    found = dict.fromkeys(FUNCTIONALS, 0.0)
    for term in experiment.objective.terms:
        weight = float(term.weight(experiment.multipliers))
        if weight == 0:
            continue
        if term.symbol not in found or weight < 0:
            raise ConfigError(
                "procedure=exact_frontier: minimises sums of R, D and C with positive weights, "
                f"not {weight:g} {term.symbol}"
            )
        found[term.symbol] += weight
    return found["R"], found["D"], found["C"]


def no_table(data: Data) -> str:
    """Why data have no table of x and labels; '' where they have one."""
    if data.spec.classes is None:
        return "needs labels, or data of a known Gaussian law (dataset=gaussian)"
    if data.augmentation is not None:
        return "augmented images have no table: set dataset.crop=0, dataset.flip=false"
    first = data.splits["train"].x[:FIRST]  # sorting all rows of large data takes a minute
    many = f"at least {found:,}" if (found := len(first.flatten(1).unique(dim=0))) > MOST else ""
    count = 0 if many else len(joint_tables(data)[0])
    if many or count > MOST:
        return (
            f"the data have {many or f'{count:,}'} different x, and a table of them may have {MOST:,}: choose discrete "
            "data, such as dataset=therml_toy, or set dataset.train_size and dataset.test_size"
        )
    if count == sum(map(len, data.splits.values())):
        return (
            f"all {count:,} x are different, so that no table says anything of others: choose discrete data, such as "
            "dataset=therml_toy, or minimise R and D alone with decoder.likelihood=gaussian, which a linear Gaussian "
            "model does"
        )
    return ""


def joint_tables(data: Data) -> tuple[Tensor, dict[str, Tensor]]:
    """The distinct x of all splits, and each split's p(x, y) over them.

    x: (X, *input_shape), as stored, in the order of their first occurrence. p: (X, classes), float64.
    """
    classes = needed(data.spec.classes)
    rows = torch.cat([split.x for split in data.splits.values()]).cpu()
    _, of_row = rows.flatten(1).unique(dim=0, return_inverse=True)
    first = torch.full((int(of_row.max()) + 1,), len(rows)).scatter_reduce(0, of_row, torch.arange(len(rows)), "amin")
    order = first.argsort()
    index = order.argsort()[of_row]
    tables, start = {}, 0
    for name, split in data.splits.items():
        weight = torch.ones(len(split)) if split.weight is None else split.weight.cpu()
        cells = index[start : start + len(split)] * classes + split.y.cpu()
        counts = torch.bincount(cells, weight.double(), minlength=len(order) * classes)
        tables[name] = counts.view(len(order), classes) / counts.sum()
        start += len(split)
    return rows[first[order]], tables


def _of_table(
    experiment: Experiment, states: int | None, restarts: int, tolerance: float
) -> tuple[dict[str, dict[str, float]], Mapping[str, Tensor], int]:
    """Measures of each split, tables and iterations."""
    x, joints = joint_tables(experiment.data)
    tables = {name: Table(joint) for name, joint in joints.items()}
    train, seed = tables["train"], experiment.settings.seed
    states = states or int((train.x > 0).sum())
    best = solve(train, *weights(experiment), states=states, restarts=restarts, tolerance=tolerance, seed=seed)
    if not best.certified:
        few = states < int((train.x > 0).sum())
        log.warning(
            "not certified: J may be up to %.2g nats above the least of any encoder (%s)",
            best.gap,
            f"procedure.states={states} is few" if few else "the search found none lower, but there is no proof",
        )
    measures = {name: _with_slack(measured(best, table), table) for name, table in tables.items()}
    measures["train"] |= _transitions(*transition(train))
    measures["train"] |= {"gap": best.gap, "certified": float(best.certified), "states": float(best.states)}
    kept = {name: getattr(best, name) for name in ("encoder", "marginal", "decoder", "classifier")}
    return measures, {"x": x, "p": train.joint, **kept}, best.iterations


def _with_slack(found: dict[str, float], table: Table) -> dict[str, float]:
    """The measures with the slack of R, C and D and the least divergence of the worlds; at an optimum no slack."""
    noise = float(entropy(table.joint.flatten())) - table.x_entropy
    known = Worlds(found["I[X;Z]"], 0.0, found["H[Y]"] - found["I[Y;Z]"], noise, found["H[X]"])
    return found | known.measures(found)


def _of_gaussian(
    experiment: Experiment, source: JointGaussian
) -> tuple[dict[str, dict[str, float]], Mapping[str, Tensor], int]:
    """Measures, equal for all splits; covariance and projection; no iterations."""
    rho, delta, gamma = weights(experiment)
    covariance = source.covariance.cpu()
    bottleneck = GaussianIB(covariance.numpy(), source.x_dimensions)
    beta = gamma / (rho - delta)  # D = h(X) − R, so the net weight of R is ρ − δ
    point, projection = bottleneck(beta), torch.from_numpy(bottleneck.projection(beta))
    found = {
        "R": float(point.R),
        "C": float(point.C),
        "D": bottleneck.x_entropy - float(point.R),
        "H[X]": bottleneck.x_entropy,
        "H[Y]": bottleneck.y_entropy,
        "I[X;Z]": float(point.R),
        "I[Y;Z]": float(point.y_information),
        "mse": _mean_square(covariance, projection),
    }
    first = float(bottleneck.critical[0])  # of Gaussians both criteria are one
    found |= _transitions(first, first)
    return (
        {name: dict(found) for name in experiment.data.splits},
        {"covariance": covariance, "projection": projection},
        0,
    )


def _transitions(threshold: float, local: float) -> dict[str, float]:
    """Measures of where R leaves zero: weights of C for each unit of weight that R has more than D."""
    return {"transition": threshold, "transition_local": local}


def _mean_square(covariance: Tensor, projection: Tensor) -> float:
    """E (y − ŷ)² per dimension of y, ŷ = E[E[y|z] | x] with z = A x + N(0, I): the limit of many draws of z."""
    n = projection.shape[1]
    of_x, of_y, across = covariance[:n, :n], covariance[n:, n:], covariance[:n, n:]
    of_z = projection @ of_x @ projection.T + torch.eye(n, dtype=covariance.dtype)
    weights = projection.T @ torch.linalg.solve(of_z, projection @ across)  # ŷ = xᵀ weights
    return float((of_y - 2 * weights.T @ across + weights.T @ of_x @ weights).diagonal().mean())


def _draw(experiment: Experiment, tables: Mapping[str, Tensor], found: Mapping[str, float]) -> None:
    """figures/distributions.png."""
    shown = Tables(tables["p"], tables["encoder"], tables["marginal"], tables["decoder"])
    caption = "   ".join(f"{name} = {found[name]:.4g}" for name in FUNCTIONALS)
    title = f"minimised: {experiment.objective.lagrangian(experiment.multipliers)}"
    draw_tables(shown, experiment.records.folder / "figures" / "distributions.png", title, f"{caption} nats")


def _save(experiment: Experiment, tables: Mapping[str, Tensor]) -> None:
    """Write tables.npz, whole or not at all."""
    content = io.BytesIO()
    arrays: dict[str, Any] = {name: table.numpy() for name, table in tables.items()}
    np.savez_compressed(content, **arrays)
    write_atomically(experiment.records.folder / FILE, content.getvalue())
