"""Why averages over chains are not to be trusted: a line each, for the screen, the records and the report."""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import Tensor

from ib_cli.contracts.labels import counted
from ib_cli.contracts.told_numbers import percent
from ib_cli.sampling.annealed import LogPartition
from ib_cli.sampling.averages import CHAINS, Average
from ib_cli.sampling.convergence import FEWEST, chance_spread

SPREAD = 1.1  # R̂ from which on chains have not all seen the same, if chance alone does not come so far
WORTH = 50  # independent records that an average needs
HOT = 3.0  # standard errors by which chains may be away from their temperature
TAKEN = 0.1  # share of accepted moves below which chains hardly move
SWAPPED = 0.01  # share of exchanges below which replicas keep their places
STUCK = 0.01  # share of accepted moves of one chain that stands still
FEW = 0.01  # share of chains that may stand still
CARRIERS = 5  # annealed chains that must carry the weight
# What helps chains that are not at their temperature.
EXACT = "more procedure.burn_in or more epochs"
ROUGH = "a smaller procedure.step_size, a larger batch_size, procedure.corrected=true or more procedure.burn_in"


def of_mixing(averages: Mapping[str, Average], T: int, M: int, whose: str = "") -> list[str]:
    """Doubts about averages, by name, of T records of M chains. `whose`: whose they are, as in ` of A`."""
    found = []
    if M == 1:
        found.append(
            f"one chain{whose}: nothing tells whether it has seen all that it should (R̂ is no number): take more "
            "procedure.chains"
        )
    if T < FEWEST:
        found.append(
            f"{counted(T, 'epoch')}{whose} after burn-in: too few to tell whether chains agree (R̂ and the effective "
            f"sample size are no numbers): {FEWEST} are needed"
        )
        return found
    worst = max(averages, key=lambda name: averages[name].spread)
    if math.isinf(averages[worst].spread):
        found.append(f"the chains{whose} do not move (R̂ of {worst} is infinite): a larger procedure.step_size helps")
    elif averages[worst].spread > max(SPREAD, chance_spread(T, M)):
        found.append(
            f"the chains{whose} have not all seen the same (R̂ = {averages[worst].spread:.3g} for {worst}): more "
            "procedure.burn_in and more epochs help, or another procedure.step_size"
        )
    least = min(averages, key=lambda name: averages[name].effective)
    worth = min(averages[least].effective, T * M)  # of few records the estimate may come out above their number
    if worth < WORTH:
        records = counted(int(worth), "independent record") if worth >= 1 else "less than one independent record"
        found.append(
            f"{least}{whose} rests on {records} (the effective sample size "
            f"of {counted(T, 'epoch')} of {counted(M, 'chain')}): more epochs or procedure.chains help"
        )
    return found


def of_errors(averages: Mapping[str, Average]) -> list[str]:
    """The averages that have no standard error, and why."""
    lost = [name for name, of in averages.items() if math.isnan(of.mean)]
    without = [name for name, of in averages.items() if math.isnan(of.stderr) and name not in lost]
    found = [f"{', '.join(lost)} came out as no number: try another procedure.step_size"] if lost else []
    if not without:
        return found
    return [
        *found,
        f"no standard error of {', '.join(without)}: fewer than {CHAINS} chains tell none by themselves, and the "
        "epochs after burn-in are too few for their autocorrelations",
    ]


def of_temperature(sigma: float, measured: Average, excess: Average, whose: str = "", remedy: str = EXACT) -> list[str]:
    """Doubts where chains have not the temperature σ.

    `measured`: the temperature by the virial theorem; `excess`: ⟨v·∇U⟩/d − 1, which is 0 at σ. Its error has no
    quotient in it.
    """
    if not abs(excess.mean) > HOT * excess.stderr:
        return []
    return [
        f"the chains{whose} are not at σ = {sigma:.4g}: the virial theorem measures {measured.mean:.4g}, from "
        f"⟨v·∇U⟩/d = {1 + excess.mean:.4g} ± {excess.stderr:.2g} in place of 1: {remedy} may help"
    ]


def of_motion(acceptance: Tensor, whose: str = "", key: str = "a smaller procedure.step_size") -> list[str]:
    """Doubts about chains that stand still, from each chain's mean acceptance (M,)."""
    mean, still, M = float(acceptance.mean()), int((acceptance < STUCK).sum()), len(acceptance)
    if mean < TAKEN:
        return [f"the chains{whose} hardly move ({percent(mean)} of their steps are accepted): {key} helps"]
    if still > FEW * M:
        return [f"{still} of the {counted(M, 'chain')}{whose} stand{'s' if still == 1 else ''} still: {key} helps"]
    return []


def of_swaps(rate: float) -> list[str]:
    """Doubts about replicas, from the mean probability that neighbours change places."""
    if rate >= SWAPPED:
        return []
    return [
        f"replicas hardly change places ({percent(rate)} of the tries): closer temperatures in procedure.ladder help"
    ]


def of_annealing(found: LogPartition, M: int) -> list[str]:
    """Doubts about ln Z from M annealed chains."""
    if found.effective >= CARRIERS:
        return []
    return [
        f"F rests on {found.effective:.1f} of {counted(M, 'annealed chain')}, and is probably too high: "
        "more procedure.anneal or procedure.chains help"
    ]
