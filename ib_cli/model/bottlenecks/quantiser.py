"""A codebook: encodings → the codewords chosen for them, with codewords that follow the encodings."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

from ib_cli.contracts.noise import Tape
from ib_cli.contracts.passes import Codes, one_hot

SPREAD = 1e-4  # share of m(ẑ) by usage that all codewords have alike, so that none has probability 0
LEAST = 1e-12  # of a usage, or a mean square of the quantisation error, that is divided by


class Quantiser(nn.Module):
    """L codewords c of d dimensions at each of P places, in one codebook for all places (`shared`) or one for each.

    The soft choice is q(j|e) ∝ exp(−‖e − c_j‖²/2v), with v the quantisation error's mean square a dimension in the
    batch, and the choice its most probable codeword: the nearest. With `distance_weight` w it is
    q(j|e) ∝ m(j) exp(−w ‖e − c_j‖²/2), whose most probable codeword costs least if a nat of code length −ln m and a
    squared distance of 2/w are worth the same: entropy-constrained quantisation (Chou, Lookabaugh and Gray 1989).

    In training, codewords start at encodings of the first batch, spread by √((d + 2)/d) about their mean, which suits
    a Gaussian law (Gersho 1979). With `learned=ema` they follow the means of their encodings (van den
    Oord et al. 2017, app. A.1); else they are parameters. A codeword that no sample chose in `revive` steps is moved
    to the encoding of a random sample, and counts as new. All that is not learned by gradient is in buffers.
    """

    words: Tensor
    usage: Tensor
    idle: Tensor
    started: Tensor
    revived: Tensor
    weight: Tensor

    def __init__(
        self,
        places: int,
        words: int,
        dimensions: int,
        *,
        shared: bool,
        learned: Literal["ema", "gradient"],
        decay: float,
        revive: int | None,
        distance_weight: float | None,
        entropy_model: Literal["usage", "learned"],
    ) -> None:
        super().__init__()
        self.decay, self.revive, self.weighs = decay, revive, distance_weight is not None
        books = 1 if shared else places
        self.register_buffer("words", torch.empty(books, words, dimensions).uniform_(-1 / words, 1 / words))
        self.register_buffer("usage", torch.full((places, words), 1 / words))  # share of samples, averaged over steps
        self.register_buffer("idle", torch.zeros(books, words))  # steps since a sample chose it
        self.register_buffer("started", torch.tensor(False))
        self.register_buffer("revived", torch.zeros(()))
        # A tensor, so that runs trained together may have different values.
        self.register_buffer("weight", torch.tensor(float(distance_weight or 1)), persistent=False)
        # Beside `words`, which a revival moves, so that no parameter changes within a pass.
        self.shift = nn.Parameter(torch.zeros(books, words, dimensions)) if learned == "gradient" else None
        self.logits = nn.Parameter(torch.zeros(places, words)) if entropy_model == "learned" else None

    @property
    def log_m(self) -> Tensor:
        """ln m(ẑ) of each place, (P, L): learned, or by usage."""
        if self.logits is not None:
            return self.logits.log_softmax(-1)
        share = self.usage / self.usage.sum(-1, keepdim=True)
        return ((1 - SPREAD) * share + SPREAD / share.shape[-1]).log()

    @property
    def codewords(self) -> Tensor:
        """The codewords of each codebook, (1, L, d) or (P, L, d)."""
        return self.words if self.shift is None else self.words + self.shift

    def forward(self, e: Tensor, tape: Tape) -> Codes:
        """Encodings (B, P, d) → their codes. In training it then moves codewords and counts their usage."""
        with torch.autocast(e.device.type, enabled=False):  # 16 bits would choose other codewords
            order = None
            if self.training:
                pool = self._pool(e.detach())
                order = tape.uniform(*pool.shape[:2]).argsort(-1)
                self._start(pool, order)
            c = self.codewords.clone()  # the buffers change below
            log_m = self.log_m
            index, soft = self._choice(e, c.detach(), log_m.detach())
            codeword = _taken(c, index)
            if order is not None:
                self._follow(e.detach(), index, pool, order)
            return Codes(index, e, codeword, log_m, self.revived.clone(), soft if self.training else None)

    def _choice(self, e: Tensor, c: Tensor, log_m: Tensor) -> tuple[Tensor, Callable[[], Tensor]]:
        """The most probable codeword, (B, P), and what makes q(j|e), (B, P, L)."""
        near = torch.einsum("bpd,pld->bpl", e, c.expand(e.shape[1], -1, -1)) - 0.5 * c.square().sum(-1)
        if self.weighs:
            score = self.weight * near + log_m
            return score.argmax(-1), lambda: score.softmax(-1)
        index = near.argmax(-1)

        def soft() -> Tensor:
            nearest = near.detach().gather(-1, index.unsqueeze(-1)).squeeze(-1)
            error = e.detach().square().sum(-1) - 2 * nearest
            return (near / (error.mean() / e.shape[-1]).clamp(min=LEAST)).softmax(-1)

        return index, soft

    def _pool(self, e: Tensor) -> Tensor:
        """The encodings that each codebook has, (1, B·P, d) or (P, B, d)."""
        return e.movedim(1, 0) if len(self.words) > 1 else e.flatten(0, 1).unsqueeze(0)

    def _picked(self, pool: Tensor, order: Tensor) -> Tensor:
        """An encoding for each codeword, (books, L, d), none twice where there are enough."""
        L, n = self.words.shape[1], pool.shape[1]
        picks = order.repeat(1, -(-L // n))[:, :L]
        return pool.gather(1, picks.unsqueeze(-1).expand(-1, -1, pool.shape[-1]))

    @torch.no_grad()
    def _start(self, pool: Tensor, order: Tensor) -> None:
        """Place the codewords before the first step. Where the batch has fewer encodings, repeats are drawn inwards."""
        d, n, L = pool.shape[-1], pool.shape[1], self.words.shape[1]
        rounds = torch.arange(L, device=pool.device) // n
        reach = math.sqrt((d + 2) / d) * (1 - rounds / ((L - 1) // n + 1))
        mean = pool.mean(1, keepdim=True)
        placed = mean + reach.unsqueeze(-1).to(pool.dtype) * (self._picked(pool, order) - mean)
        self.words.copy_(torch.where(self.started, self.words, placed))
        self.started.copy_(torch.ones_like(self.started))

    @torch.no_grad()
    def _follow(self, e: Tensor, index: Tensor, pool: Tensor, order: Tensor) -> None:
        """Count usage, move codewords to the means of their encodings, and move those that none chose for long."""
        books, B = len(self.words), len(e)
        shares = torch.zeros_like(self.usage).scatter_add(1, index.T, torch.ones_like(index.T, dtype=e.dtype)) / B
        usage = self.decay * self.usage + (1 - self.decay) * shares
        words = self.words
        if self.shift is None:
            sums = torch.einsum("bpl,bpd->pld", one_hot(index, words.shape[1], e.dtype), e) / B
            before, after, sums = (each if books > 1 else each.sum(0, True) for each in (self.usage, usage, sums))
            mass = self.decay * before.unsqueeze(-1)
            moved = (mass * words + (1 - self.decay) * sums) / after.unsqueeze(-1).clamp(min=LEAST)
            words = torch.where(after.unsqueeze(-1) > LEAST, moved, words)
        used = (shares if books > 1 else shares.sum(0, True)) > 0
        idle = torch.where(used, 0, self.idle + 1)
        if self.revive is not None:
            dead = idle >= self.revive
            new = self._picked(pool, order) - (0 if self.shift is None else self.shift)
            words = torch.where(dead.unsqueeze(-1), new, words)
            usage = torch.where(dead, 1 / words.shape[1], usage)
            idle = torch.where(dead, 0, idle)
            self.revived.add_(dead.sum())
        self.words.copy_(words)
        self.usage.copy_(usage)
        self.idle.copy_(idle)


def _taken(words: Tensor, index: Tensor) -> Tensor:
    """The codewords (B, P, d) with the numbers `index` (B, P) in their place's codebook, of (1, L, d) or (P, L, d)."""
    books, L, _ = words.shape
    first = torch.arange(index.shape[1], device=index.device) * L if books > 1 else 0  # of each place's codebook
    return embedding(index + first, words.flatten(0, 1))  # its gradient adds in the same order each time
