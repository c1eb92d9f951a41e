"""The information bottleneck of tables, solved to a bound: accelerated iterations that add and remove states."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ib_cli.exact.ceiling import ceiling
from ib_cli.exact.descent import descended
from ib_cli.exact.fixed_point import Problem, insert, merge, prune, reduced, step
from ib_cli.exact.search import best_state

ROUND = 25  # iterations between checks of the states
MEMORY = 6  # differences that an extrapolation combines
RIDGE = 1e-13  # relative to the largest squared difference
SMALLEST = 1e-200  # squared differences below this count as 0: a ridge of them would be
ROUNDS = 400  # a problem is left unfinished after this many; its gap says by how much
PATIENCE = 8  # rounds, after each so many of which slow problems descend by L-BFGS
PROOFS = 50  # bounds of one problem, each of which found a better state but for the last
ROUNDING = 1e-14  # a smaller rise of F counts as none, and β times it is the rounding of ln A
RESIDUAL = 0.1  # relative to the tolerance: Hellinger's distance by which the last iteration may move p(z, y)


@dataclass
class Found:
    """What is found so far for each problem of a batch."""

    joint: Tensor  # (B, K, Y) P(z, y)
    gap: Tensor  # (B,) `solve`: the largest gain of a state that is found; `prove`: F is at most so far above F*
    residual: Tensor  # (B,)
    iterations: Tensor  # (B,)

    def of(self, chosen: Tensor) -> Found:
        """The problems at these indices."""
        return Found(self.joint[chosen], self.gap[chosen], self.residual[chosen], self.iterations[chosen])

    def put(self, chosen: Tensor, found: Found) -> None:
        """Replace the problems at these indices; their iterations add up."""
        self.joint[chosen], self.gap[chosen], self.residual[chosen] = found.joint, found.gap, found.residual
        self.iterations[chosen] += found.iterations


def prove(problem: Problem, found: Found, tolerance: float, slack: Tensor) -> None:
    """Bound the gap of each problem to the least F of any number of states; solve again where a better state is found.

    F* ≥ F − max_c ln A(c), whose ceiling is proven to within `slack` (B,) nats as far as the effort allows. The largest
    A that the proof meets is a new state.
    """
    active, slack = torch.arange(len(slack)), floor(problem, slack)
    for _ in range(PROOFS):
        part = problem.of(active)
        log_mix = step(part, found.joint[active]).log_mix
        top = ceiling(part, log_mix, slack[active])
        found.gap[active] = top.bound.clamp(min=0)
        better = top.gain > slack[active]
        active, part = active[better], part.of(better)
        if not len(active):
            return
        joint = _extended(part, found.joint[active], log_mix[better], top.c[better])
        again = solve(part, joint, tolerance)
        again.gap = found.gap[active]  # holds for a lower F, until the next proof
        found.put(active, again)


def solve(problem: Problem, joint: Tensor, tolerance: float) -> Found:
    """Minimise F = I(X;Z) + β H(Y|Z) of each problem, from its P(z, y) (B, K, Y), with at most K states.

    A problem ends where an iteration moves P(z, y) by at most a tenth of `tolerance`, and either no state is found that
    lowers F at a rate above `tolerance` or no state is free.
    """
    size = len(joint)
    unknown = joint.new_full((size,), torch.inf)
    found = Found(joint.clone(), unknown, unknown.clone(), torch.zeros(size, dtype=torch.int64))
    active = torch.arange(size)
    for i in range(ROUNDS):
        if i % PATIENCE == PATIENCE - 1:
            found.joint[active] = descended(problem.of(active), found.joint[active])
        active = active[_round(problem.of(active), found, active, tolerance)]
        if not len(active):
            break
    else:
        part, joint = problem.of(active), found.joint[active]
        found.gap[active] = best_state(part, joint, step(part, joint).log_mix)[1].clamp(min=0)
    return found


def floor(problem: Problem, tolerance: float | Tensor) -> Tensor:
    """The tolerance of ln A (B,), but not below its rounding."""
    return torch.maximum(torch.as_tensor(tolerance, dtype=problem.beta.dtype), ROUNDING * problem.beta)


def _extended(problem: Problem, joint: Tensor, log_mix: Tensor, c: Tensor) -> Tensor:
    """P(z, y) with one more state c each; more states than x has values are reduced first."""
    joint = joint.clone()
    for i in (joint.sum(-1) > 0).all(-1).nonzero()[:, 0]:
        joint[i] = reduced(problem.of(i[None]), joint[i])
    return insert(problem, joint, log_mix, c)


def _round(problem: Problem, found: Found, active: Tensor, tolerance: float) -> Tensor:
    """A round of iterations of the active problems and a check of their states; returns a mask of those that go on."""
    states = found.joint.shape[1]
    width = int((found.joint[active].sum(-1) > 0).sum(-1).max())  # used states come first
    joint, residual = accelerated(problem, prune(problem, found.joint[active, :width]))
    last = step(problem, joint)
    encoder, before = merge(problem, last.encoder), last.encoder
    while (encoder != before).any():
        encoder, before = merge(problem, encoder), encoder
    changed = (encoder != last.encoder).flatten(1).any(1)
    wide = joint.new_zeros(len(active), states, joint.shape[2])
    wide[:, :width] = torch.where(changed[:, None, None], (encoder * problem.x) @ problem.y_given_x, joint)
    found.residual[active], found.iterations[active] = residual, found.iterations[active] + ROUND
    goes_on = torch.ones(len(active), dtype=torch.bool)
    resting = (~changed & (residual <= RESIDUAL * tolerance)).nonzero()[:, 0]
    if len(resting):
        c, gain = best_state(problem.of(resting), joint[resting], last.log_mix[resting])
        found.gap[active[resting]] = gain.clamp(min=0)
        free = (wide[resting].sum(-1) == 0).any(-1) | (states > len(problem.x))
        extend = (gain > floor(problem.of(resting), tolerance)) & free
        goes_on[resting] = extend
        chosen = resting[extend]
        wide[chosen] = _extended(problem.of(chosen), wide[chosen], last.log_mix[chosen], c[extend])
    order = wide.sum(-1).argsort(dim=-1, descending=True, stable=True)
    found.joint[active] = wide.gather(1, order[..., None].expand_as(wide))
    return goes_on


def accelerated(problem: Problem, joint: Tensor) -> tuple[Tensor, Tensor]:
    """P(z, y) after a round of iterations, each extrapolated in √P(z, y), and the length of the last move (B,).

    Where iterations slow down, the extrapolation is Anderson's (1965). Where they speed up, as when a new state grows,
    Anderson's would lead back: the extrapolation is then a stride along the iteration that doubles as long as F falls.
    An extrapolation that did not lower F is replaced by the iteration itself, which always does.
    """
    at = joint.flatten(1).sqrt()
    of_f, of_g = (at.new_zeros(len(at), MEMORY, at.shape[1]) for _ in range(2))
    value, stride = at.new_full((len(at),), torch.inf), at.new_ones(len(at), 1)
    f = g = torch.zeros_like(at)
    for i in range(ROUND):
        found = step(problem, (at**2).view(joint.shape))
        good = (found.value <= value + ROUNDING)[:, None]
        new = found.joint.flatten(1).sqrt()
        faster = good & ((new - at).norm(dim=1) > f.norm(dim=1))[:, None]
        keep = good & ~faster if i else torch.zeros_like(good)
        of_f = torch.where(keep[..., None], of_f, 0)
        of_g = torch.where(keep[..., None], of_g, 0)
        of_f[:, i % MEMORY], of_g[:, i % MEMORY] = torch.where(keep, new - at - f, 0), torch.where(keep, new - g, 0)
        value = torch.where(good[:, 0], found.value, value)
        f, g = torch.where(good, new - at, f), torch.where(good, new, g)
        stride = torch.where(faster, 2 * stride, 1)
        ahead = torch.where(faster, _unit(g + (stride - 1) * f), _extrapolated(f, g, of_f, of_g))
        at = torch.where(good, ahead, g)
    return (g**2).view(joint.shape), f.norm(dim=1)


def _unit(at: Tensor) -> Tensor:
    return at / at.norm(dim=1, keepdim=True)


def _extrapolated(f: Tensor, g: Tensor, of_f: Tensor, of_g: Tensor) -> Tensor:
    """g less the combination of its differences whose f-differences come closest to f; (B, n), scaled to unit norm."""
    gram = of_f @ of_f.mT
    scale = gram.diagonal(dim1=1, dim2=2).amax(-1)
    ridge = torch.where(scale > SMALLEST, RIDGE * scale, 1)[:, None, None] * torch.eye(MEMORY, dtype=f.dtype)
    weights = torch.linalg.solve(gram + ridge, (of_f @ f[..., None]))
    return _unit(g - (of_g.mT @ weights)[..., 0])
