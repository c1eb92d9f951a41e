"""Batch → Pass: the parts of a model put together. It computes no loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from ib_cli.contracts.noise import Tape
from ib_cli.contracts.passes import Batch, Codes, Pass, needed
from ib_cli.model.blocks.layers import is_monte_carlo
from ib_cli.model.blocks.refreshed import Refreshed
from ib_cli.model.bottlenecks.bottleneck import Bottleneck, Encoded
from ib_cli.model.critics.critic import Critic
from ib_cli.model.critics.critic_x import CriticX
from ib_cli.model.marginals.marginal import Marginal
from ib_cli.model.noise.layer import NoiseLayer

if TYPE_CHECKING:
    from ib_cli.model.weights.posterior import Posterior


class Model(nn.Module):
    """x → features → q(z|x) → z → c(y|z), d(x|z), beside m(z) and b(z|y). A part that is not needed is None."""

    def __init__(
        self,
        architecture: nn.Module,
        bottleneck: Bottleneck,
        classifier: nn.Module | None = None,
        decoder: nn.Module | None = None,
        marginal: Marginal | None = None,
        backward_encoder: nn.Module | None = None,
        averaged_encoder: nn.Module | None = None,
        window: nn.Module | None = None,
        mmd: nn.Module | None = None,
        critic_z: Critic | None = None,
        critic_x: CriticX | None = None,
        train_size: int | None = None,
        classes: int | None = None,
    ) -> None:
        super().__init__()
        self.architecture, self.bottleneck = architecture, bottleneck
        self.classifier, self.decoder = classifier, decoder
        self.marginal, self.backward_encoder = marginal, backward_encoder
        self.averaged_encoder, self.window = averaged_encoder, window
        self.critic_z, self.critic_x = critic_z, critic_x
        self.mmd = mmd
        sees_prior = critic_x is not None and critic_x.sees_samples
        self.draws_prior = critic_z is not None or mmd is not None or sees_prior
        self.train_size, self.classes = train_size, classes
        self.monte_carlo = is_monte_carlo(architecture)
        self.encodes = getattr(bottleneck, "encodes", True)  # one of a person's own need not say it
        noises = [module for module in architecture.modules() if isinstance(module, NoiseLayer)]
        self.noise_count = len(noises)
        self.noise_weights = {noise.name: noise.weight for noise in noises if noise.weight is not None}
        self.weights: Posterior | None = None  # the distribution of the parameters; None: they are numbers

    def forward(
        self,
        batch: Batch,
        tape: Tape,
        samples: int,
        weights_divergence: Tensor | None = None,
        only: frozenset[str] | None = None,
    ) -> Pass:
        """One pass with `samples` draws of z for each sample of the batch; `weights_divergence` is S.

        `only`: the fields of the pass that are read, so that parts which make none of them need not run; None: all.
        """
        wanted = self._wanted(only)
        shared = len(batch.y) // len(batch.x)
        if shared > 1 and not self.bottleneck.discrete:  # samples that share an x have draws of their own
            batch = batch._replace(x=batch.x.repeat_interleave(shared, 0))
        encoder, z, *rest = self._encoded(batch.x, tape, samples)
        third = rest[0] if rest else None  # the probabilities of a discrete z, or the codes of a quantised one
        noise_divergence = None
        if self.noise_weights:
            parts = [weight * tape.reports[name] for name, weight in self.noise_weights.items()]
            noise_divergence = torch.stack(parts).sum(0)
        p = Pass(
            x=batch.x,
            y=batch.y,
            z=z,
            encoder=encoder,
            marginal=self._density_of_marginal(tape) if "marginal" in wanted else None,
            backward_encoder=None if self.backward_encoder is None else self.backward_encoder(batch.y),
            decoder=self.decoder(z) if self.decoder is not None and "decoder" in wanted else None,
            averaged_encoder=None if self.averaged_encoder is None else self.averaged_encoder(batch.x, tape),
            reports=tape.reports,
            weight=batch.weight,
            weights_divergence=weights_divergence,
            train_size=self.train_size,
            classes=self.classes,
            noise_divergence=noise_divergence,
            kept=tape.kept,
            y_probabilities=batch.y_probabilities,
            z_weight=None if isinstance(third, Codes) else third,
            codes=third if isinstance(third, Codes) else None,
        )
        if self.window is not None:
            p = replace(p, earlier=self.window(p))
        if self.draws_prior and "prior_z" in wanted:
            p = replace(p, prior_z=self.prior_draws(1, len(z[0]), tape)[0] if self.encodes else z[0])
        if self.mmd is not None and "mmd_z" in wanted:
            p = replace(p, mmd_z=self.mmd(p.z[0], needed(p.prior_z)))
        p = self._judged(p, tape, wanted)
        if self.classifier is None or "label_density" not in wanted:
            return p
        return replace(p, label_density=_classified(self.classifier, p))

    def _wanted(self, only: frozenset[str] | None) -> frozenset[str]:
        """The fields of a pass to make: those of `only`, or all, and those that they are made from."""
        if only is None:
            return frozenset(field.name for field in fields(Pass))
        made_from: set[str] = set()  # set[str]() is beyond torch.compile
        if only & {"judged_z", "loss_z", "mmd_z"}:
            made_from.add("prior_z")
        if self.critic_x is not None and only & {"judged_x", "loss_x", "feature_distance"}:
            seen = self.critic_x.sees_reconstructions or not self.encodes or "feature_distance" in only
            made_from |= {"decoder"} if seen else set()
            made_from |= {"prior_z"} if self.critic_x.sees_samples else set()
        return only | made_from

    def _judged(self, p: Pass, tape: Tape, wanted: frozenset[str]) -> Pass:
        """The pass with what the critics make of it."""
        if (critic := self.critic_z) is not None and wanted & {"judged_z", "loss_z"}:
            of_prior = [needed(p.prior_z).unsqueeze(0)]
            verdict = critic(p.z, of_prior)
            p = replace(p, judged_z=critic.judged(verdict))
            if "loss_z" in wanted:
                p = replace(p, loss_z=critic.loss(verdict, p.z, of_prior, tape))
        if self.critic_x is None:
            return p
        if wanted & {"judged_x", "loss_x"}:
            x, made = p.x.unsqueeze(0), self._made(p)
            verdict = self.critic_x(x, made)
            p = replace(p, judged_x=self.critic_x.judged(verdict))
            if "loss_x" in wanted:
                p = replace(p, loss_x=self.critic_x.loss(verdict, x, made, tape))
        if "feature_distance" in wanted and self.encodes:
            p = replace(p, feature_distance=self.critic_x.distance(p.x, needed(p.decoder).mean))
        return p

    def _encoded(self, x: Tensor, tape: Tape, samples: int) -> Encoded:
        """q(z|x), z and, for a discrete z, the probability of each value, or for a quantised z its codes.

        Without an encoder, None and draws of m(z).

        With Monte-Carlo dropout or layers of noise each draw of z has features of its own; q(z|x), a mean over all
        masks, is not known.
        """
        if not self.encodes:
            return None, self.prior_draws(samples, len(x), tape)
        tape.draws = samples
        features = self.architecture(x, tape)
        if not self.monte_carlo:
            return self.bottleneck(features, tape, samples)
        _, z, *_ = self.bottleneck(features, tape, 1)  # (1, S·B, K)
        return None, z.view(samples, len(x), -1)

    def prior_draws(self, samples: int, count: int, tape: Tape) -> Tensor:
        """Draws of m(z), (samples, count, K); of codewords by the entropy model where z is quantised."""
        if self.draws_codewords:
            return self.bottleneck.draw(samples * count, tape).unflatten(0, (samples, count))  # type: ignore[operator]
        assert self.marginal is not None  # build has checked it
        return self.marginal.draw(samples * count, tape, self._encode(tape)).unflatten(0, (samples, count))

    def _made(self, p: Pass) -> list[Tensor]:
        """What the decoder makes of the draws of z, and of draws of m(z): (S', B, *input_shape) each."""
        assert self.critic_x is not None and self.decoder is not None  # build has checked it
        if not self.encodes:  # the draws of z are draws of m(z)
            return [needed(p.decoder).mean]
        made = [needed(p.decoder).mean] if self.critic_x.sees_reconstructions else []
        if self.critic_x.sees_samples:
            made.append(self.decoder(needed(p.prior_z).unsqueeze(0)).mean)
        return made

    def _density_of_marginal(self, tape: Tape) -> Distribution | None:
        """m(z), where a rate can be measured against it."""
        if self.marginal is None or not self.marginal.rated:
            return None
        return self.marginal(self._encode(tape))

    @property
    def draws_codewords(self) -> bool:
        """Whether the bottleneck itself draws z without an x: its codewords have an m(ẑ) of their own."""
        return getattr(self.bottleneck, "quantised", False)

    @property
    def generates(self) -> bool:
        """Whether it makes an x without a sample to encode."""
        drawable = self.marginal is not None and self.marginal.drawable
        return self.decoder is not None and (self.draws_codewords or drawable)

    @property
    def critics(self) -> dict[str, Critic]:
        """The critics by name: their parameters are trained apart from the model's."""
        return {name: part for name, part in self.named_children() if isinstance(part, Critic)}

    def without_noise(self, buffers: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The buffers with which a pass is one without the noise of noise layers; new tensors for those that differ."""
        switches = {f"{path}.on" for path, module in self.named_modules() if isinstance(module, NoiseLayer)}
        return {name: torch.zeros_like(value) if name in switches else value for name, value in buffers.items()}

    @property
    def refreshed(self) -> dict[str, Refreshed]:
        """The parts, by name, that are made from sums over the train split before each evaluation."""
        return {name: part for name, part in self.named_children() if isinstance(part, Refreshed)}

    def _encode(self, tape: Tape) -> Callable[[Tensor], Distribution]:
        """x → q(z|x), for a marginal that is made of encodings."""
        return lambda x: self.bottleneck.density(self.architecture(x, tape))


def _classified(classifier: nn.Module, p: Pass) -> Distribution:
    """c(y|z). A classifier with `of_pass` sees the whole pass, any other one z alone."""
    of_pass = getattr(classifier, "of_pass", None)
    return classifier(p.z) if of_pass is None else of_pass(p)
