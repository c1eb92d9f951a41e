"""Check of the input shape, for convolutional architectures."""

from __future__ import annotations

from ib_cli.contracts.errors import ConfigError


def image_shape(architecture: str, input_shape: tuple[int, ...], smallest: int) -> tuple[int, int, int]:
    """The (channels, height, width) of images with at least `smallest` pixels a side.

    Raises `ConfigError` for anything else; the message names `architecture`.
    """
    if len(input_shape) != 3:
        wanted = "images (channels, height, width)"
    elif min(input_shape[1:]) < smallest:
        wanted = f"images of at least {smallest}×{smallest} pixels"
    else:
        return input_shape
    raise ConfigError(
        f"architecture={architecture} takes {wanted}, but the data set has shape {input_shape}: choose architecture=mlp"
    )
