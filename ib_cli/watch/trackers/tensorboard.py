"""The mirror of a run in TensorBoard."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from ib_cli.contracts.errors import ConfigError
from ib_cli.watch.observer import Observer, RunInfo, choices, estimate_name, estimated_split, final_numbers, pictures

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

log = logging.getLogger(__name__)

ABOUT = ("epoch", "step", "split")  # what a line is about, beside its measures
FLUSH_SECONDS = 10  # most seconds of the mirror that a killed run can lose


class Tensorboard(Observer):
    """Mirrors a run to `tensorboard/` in its folder: a scalar `<split>/<measure>` over the epochs.

    At the end of a run that is done come its pictures, and its row of the HParams tab: objective, data set,
    architecture, multipliers, seed, learning rate and batch size against the final numbers.

    Where the mirror cannot be written, the run goes on without it, and a warning in the log says so.
    """

    def __init__(self) -> None:
        """Raises ConfigError without the package tensorboard."""
        if find_spec("tensorboard") is None:
            raise ConfigError("tracker=tensorboard needs a package: pip install 'ib-train[tensorboard]'")
        self._writer: SummaryWriter | None = None
        self._info: RunInfo | None = None

    def start(self, run: RunInfo) -> None:
        """Opens the events file."""
        self._guarded(lambda: self._open(run))

    def evaluated(self, line: Mapping[str, Any]) -> None:
        """Adds the line's measures."""
        measures = {f"{line['split']}/{name}": value for name, value in line.items() if name not in ABOUT}
        self._guarded(lambda: self._add(measures, line["epoch"]))

    def estimated(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """Adds the estimates as `<split>/<quantity> (<estimator>)`."""
        self._guarded(lambda: self._add({estimate_name(line): line["value"] for line in lines}, lines[0]["epoch"]))

    def finish(self, result: Mapping[str, Any]) -> None:
        """Adds pictures and the row of HParams, and closes the events file."""
        if result.get("status") == "done":
            self._guarded(lambda: self._add_end(result))
        self._guarded(self._close)

    def interrupt(self, reason: str) -> None:
        """Closes the events file; a resumed run opens another file beside it, and TensorBoard joins them."""
        self._guarded(self._close)

    def _open(self, run: RunInfo) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._info = run
        self._writer = SummaryWriter(str(run.folder / "tensorboard"), flush_secs=FLUSH_SECONDS)
        self._writer.add_text("minimise", f"`{run.lagrangian}`", run.first_epoch)

    def _add(self, values: Mapping[str, Any], epoch: int) -> None:
        for name, value in values.items():
            if self._writer is not None and isinstance(value, Real):
                self._writer.add_scalar(name, value, epoch)

    def _add_end(self, result: Mapping[str, Any]) -> None:
        if self._writer is None or self._info is None:
            return
        from PIL import Image
        from torch.utils.tensorboard.summary import hparams

        epoch = int(result.get("epochs", 0))
        for file in pictures(self._info):
            with Image.open(file) as image:
                self._writer.add_image(
                    f"figures/{file.stem}", np.asarray(image.convert("RGB")), epoch, dataformats="HWC"
                )
        numbers = final_numbers(result, estimated_split(self._info))
        for summary in hparams(choices(self._info), numbers):
            self._writer._get_file_writer().add_summary(summary)  # add_hparams would begin a run of its own
        self._add(numbers, epoch)

    def _close(self) -> None:
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.close()

    def _guarded(self, action: Callable[[], None]) -> None:
        try:
            action()
        except OSError as error:
            self._writer = None
            log.warning("TensorBoard's file cannot be written (%s). The run goes on without it.", error)
