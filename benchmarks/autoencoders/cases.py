"""The auto-encoders of the comparison: for each the words of ours, and the model and settings of pythae's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

WIDTH, SIZE = 512, 16  # of pythae's own perceptrons: one hidden layer of 512 units each way; dimensions of z
LR, CRITIC_LR, BATCH = 1e-3, 2e-4, 100
DRAWS = 10  # of z: in IWAE's bound, and in every evaluation

GAUSSIAN = ("bottleneck=gaussian", "bottleneck.scale=log_variance", "bottleneck.offset=0")  # s = exp(½ρ), as pythae's
SHARED = (
    "device=cpu", "threads=1", "estimators=none", f"architecture.widths=[{WIDTH}]", f"decoder.widths=[{WIDTH}]",
    f"bottleneck.size={SIZE}", f"batch_size={BATCH}", f"optimizer.lr={LR}", f"eval_samples={DRAWS}",
)  # fmt: skip

# pythae sums its kernels over scales, which stand on s² of ours; we take their mean.
SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
MMD_WEIGHT = 100.0
BCE = {"reconstruction_loss": "bce"}
PLAIN = {"learning_rate": LR}
WITH_CRITIC = {"autoencoder_learning_rate": LR, "discriminator_learning_rate": LR}
THREE = {"encoder_learning_rate": LR, "decoder_learning_rate": LR, "discriminator_learning_rate": CRITIC_LR}


@dataclass(frozen=True)
class Case:
    """One auto-encoder, trained by both."""

    name: str
    ours: tuple[str, ...]
    model: str  # pythae's class
    config: str  # the class of its settings
    settings: dict[str, Any] = field(default_factory=dict)
    trainer: str = "BaseTrainer"  # its settings' class is this and `Config`
    training: dict[str, Any] = field(default_factory=lambda: dict(PLAIN))
    bound: tuple[str, ...] = ("D", "R")  # measures whose sum is the bound of −ln p(x); (): it has none
    minimises_bound: bool = True  # or one with a weight on R; else ours need not have a bound as low
    linear: bool = False  # pythae's decoder ends without a sigmoid

    def words(self) -> tuple[str, ...]:
        """The overrides of our run, but for its data."""
        return (*self.ours, *SHARED)


CASES = (
    Case("VAE", ("objective=vae", *GAUSSIAN), "VAE", "VAEConfig", BCE),
    Case("β-VAE, β = 4", ("objective=beta_vae", "beta=4", *GAUSSIAN), "BetaVAE", "BetaVAEConfig", {**BCE, "beta": 4.0}),
    Case(
        # pythae's term of the critic is −½ ln σ(−T), T → ln q/m; ours is T/4, of the same slope at q = m. β is D's.
        "AAE, Gaussian encoder",
        ("objective=aae", "beta=4", *GAUSSIAN, "critic_z.widths=[256]", "critic_z.activation=relu", f"critic_z.lr={LR}",
         "critic_z.betas=[0.9,0.999]"),
        "Adversarial_AE", "Adversarial_AE_Config", {**BCE, "adversarial_loss_scale": 0.5},
        "AdversarialTrainer", WITH_CRITIC, minimises_bound=False,
    ),
    Case(
        "InfoVAE, ½ R + 100 MMD²",
        ("objective=info_vae", "rho=0.5", f"lambda={MMD_WEIGHT}", *GAUSSIAN,
         f"mmd.scales=[{','.join(f'{scale**0.5:.8f}' for scale in SCALES)}]"),
        "INFOVAE_MMD", "INFOVAE_MMD_Config",
        {**BCE, "alpha": 0.5, "lbd": 0.5 + MMD_WEIGHT / len(SCALES), "scales": list(SCALES)}, minimises_bound=False,
    ),
    Case(
        # pythae's encoder gets the gradients of both losses: R + 1½ D_features.
        "VAE/GAN, features of the critic",
        ("objective=vae_gan_features", "beta=1.5", *GAUSSIAN, "critic_x.widths=[256]", "critic_x.activation=relu",
         "critic_x.sees=samples", f"critic_x.lr={CRITIC_LR}", "critic_x.betas=[0.9,0.999]"),
        "VAEGAN", "VAEGANConfig", {**BCE, "reconstruction_layer": 1, "adversarial_loss_scale": 0.5},
        "CoupledOptimizerAdversarialTrainer", THREE, minimises_bound=False,
    ),
    Case(
        # pythae takes the dimensions of a vector for places: each has a codeword of one dimension, of one codebook.
        # ‖x − x̂‖² is D of a Gaussian law of variance ½; its codebook losses are means over the places.
        "VQ-VAE, 16 places, 512 codewords",
        ("objective=vq_vae", "bottleneck.codewords=512", f"bottleneck.groups={SIZE}", "bottleneck.revive=null",
         "decoder.likelihood=gaussian", f"decoder.scale={0.5**0.5:.8f}", f"objective.minimise.codebook={1 / SIZE}",
         f"objective.minimise.commitment={0.25 / SIZE}"),
        "VQVAE", "VQVAEConfig", {"num_embeddings": 512}, bound=(), linear=True,
    ),
    Case(
        f"IWAE, {DRAWS} draws", ("objective=iwae", f"samples={DRAWS}", *GAUSSIAN),
        "IWAE", "IWAEConfig", {**BCE, "number_samples": DRAWS}, bound=("NLL",),
    ),
    Case(
        "VampPrior, 50 pseudo-inputs", ("objective=vamp_vae", "marginal.pseudo_inputs=50", *GAUSSIAN),
        "VAMP", "VAMPConfig", {**BCE, "number_components": 50},
    ),
)  # fmt: skip
