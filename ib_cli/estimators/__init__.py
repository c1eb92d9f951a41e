"""Estimates of information: tensors in, nats out. Imports torch, NumPy, SciPy and this folder, nothing else."""

from ib_cli.estimators.estimate import Estimate
from ib_cli.estimators.information_plane import information_plane
from ib_cli.estimators.library import entropy, mutual_information, total_correlation

__all__ = ["Estimate", "entropy", "information_plane", "mutual_information", "total_correlation"]
