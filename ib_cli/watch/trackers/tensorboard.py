"""The mirror of a run in TensorBoard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from numbers import Real
from typing import TYPE_CHECKING, Any

from ib_cli.contracts.errors import ConfigError
from ib_cli.watch.observer import Observer, RunInfo, estimate_name

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

FLUSH_SECONDS = 10  # most seconds of the mirror that a killed run can lose


class Tensorboard(Observer):
    """Mirrors a run to `tensorboard/` in its folder: a scalar `<split>/<measure>` over the epochs."""

    def __init__(self) -> None:
        """Raises ConfigError without the package tensorboard."""
        if find_spec("tensorboard") is None:
            raise ConfigError("tracker=tensorboard needs a package: pip install 'ib-train[tensorboard]'")
        self._writer: SummaryWriter | None = None

    def start(self, run: RunInfo) -> None:
        """Opens the events file."""
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(run.folder / "tensorboard"), flush_secs=FLUSH_SECONDS)
        self._writer.add_text("minimise", f"`{run.lagrangian}`", run.first_epoch)

    def evaluated(self, line: Mapping[str, Any]) -> None:
        """Adds the line's measures."""
        if self._writer is None:
            return
        for name, value in line.items():
            if name not in ("epoch", "step", "split") and isinstance(value, Real):
                self._writer.add_scalar(f"{line['split']}/{name}", value, line["epoch"])

    def estimated(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """Adds the estimates as `<split>/<quantity> (<estimator>)`."""
        if self._writer is None:
            return
        for line in lines:
            if line["value"] is not None:
                self._writer.add_scalar(estimate_name(line), line["value"], line["epoch"])

    def finish(self, result: Mapping[str, Any]) -> None:
        """Closes the events file."""
        self._close()

    def interrupt(self, reason: str) -> None:
        """Closes the events file; a resumed run opens another file beside it, and TensorBoard joins them."""
        self._close()

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
