"""No critic."""

from __future__ import annotations

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.passes import Spec
from ib_cli.model.critics.critic import Critic


def no_critic_z(size: int, spec: Spec) -> Critic:
    """Raises ConfigError: an objective that has B needs one."""
    raise ConfigError("critic_z=none: this objective has B, which a critic of z estimates: choose critic_z=mlp")


def no_critic_x(size: int, spec: Spec) -> Critic:
    """Raises ConfigError: an objective that has D_x needs one."""
    raise ConfigError(
        "critic_x=none: this objective has D_x, which a critic of x estimates: choose critic_x=mlp or cnn"
    )
