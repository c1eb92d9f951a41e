"""The mirror of a run in Weights & Biases."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal

from ib_cli.watch.observer import Observer, RunInfo, estimate_name, estimated_split, final_numbers, pictures

if TYPE_CHECKING:
    import wandb

log = logging.getLogger(__name__)

INIT_TIMEOUT = 15.0  # seconds; wandb would wait 90 for a network that is not there
FINISH_TIMEOUT = 30.0  # seconds; wandb would wait for its uploads for ever
LONGEST_TAG = 64  # characters that wandb allows
LONGEST_ID = 128  # characters that wandb allows
DIGEST = 20  # hexadecimal digits, 80 bits
_OTHER = re.compile(r"[^A-Za-z0-9_.-]+")  # what wandb does not allow
_PLAIN = re.compile(rf"(?!.*-[0-9a-f]{{{DIGEST}}}$)[A-Za-z0-9_.-]+")  # a study's name that is shown as it is
_PLAIN_RUN = re.compile(r"[A-Za-z0-9_.]+")  # without a dash, so that the last dash of an id begins the run's


class Wandb(Observer):
    """Mirrors a run to W&B, as a run in the group named after the study; its files are in `wandb/` in the run's folder.

    The splits of an epoch are one step. The run's name is for people, `vib γ=0.01 seed=0`; objective, data set,
    architecture and procedure are tags. Its summary has the final measures and estimates, its media the pictures.

    A failure of the mirror never stops the run: the first one is a warning in the log, and the mirror is silent after
    it. `offline` needs neither network nor account; `wandb sync` uploads later.
    """

    def __init__(
        self, *, project: str, mode: Literal["offline", "online"], entity: str | None, tags: list[str]
    ) -> None:
        self._project = project
        self._mode = mode
        self._entity = entity
        self._tags = tags
        self._run: wandb.Run | None = None
        self._info: RunInfo | None = None
        self._epoch: dict[str, Any] = {}  # what is known of the present epoch and not yet logged

    def start(self, run: RunInfo) -> None:
        """Opens the run in W&B, or resumes the one with the same id."""
        self._guarded("start", lambda: self._open(run))

    def evaluated(self, line: Mapping[str, Any]) -> None:
        """Logs `<split>/<measure>` over `epoch`, with the epoch's test split or before its next line."""
        split = line["split"]
        measures = {f"{split}/{name}": value for name, value in line.items() if name not in ("epoch", "step", "split")}
        about = {"epoch": line["epoch"], "step": line["step"]}
        self._guarded("log", lambda: self._gather({**about, **measures}, whole=split == "test"))

    def estimated(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """Logs `<split>/<quantity> (<estimator>)` over `epoch`."""
        values = {estimate_name(line): line["value"] for line in lines if line["value"] is not None}
        self._guarded("log", lambda: self._gather({"epoch": lines[0]["epoch"], **values}, whole=True))

    def finish(self, result: Mapping[str, Any]) -> None:
        """Writes the summary and closes the run, as failed if it failed."""
        self._guarded("finish", lambda: self._close(0 if result["status"] == "done" else 1, self._summary(result)))

    def interrupt(self, reason: str) -> None:
        """Closes the run as stopped; a run with the same id resumes it."""
        self._guarded("finish", lambda: self._close(130, {"status": reason}))

    def _open(self, run: RunInfo) -> None:
        import wandb  # takes half a second, which --help and other trackers need not pay

        self._info, self._epoch = run, {}
        quiet = {"silent": True, "console": "off"}
        if self._mode == "online":
            wandb.setup(settings=_settings(quiet))
            # wandb.init would ask for a key at the terminal and wait for the answer.
            if not wandb.login(prompt=False, verify=False):
                raise PermissionError("no account: run `wandb login`, set WANDB_API_KEY or use tracker.mode=offline")
        self._run = wandb.init(
            project=self._project,
            entity=self._entity,
            group=run.study,
            id=wandb_id(run.study, run.id),
            name=run.title,
            tags=[*dict.fromkeys([*self._tags, *(name[:LONGEST_TAG] for name in run.kinds.values())])],
            config=dict(run.config),
            dir=str(run.folder.resolve()),
            mode=self._mode,
            resume="allow",
            reinit="create_new",  # runs of a group are open at the same time
            settings=_settings(
                quiet
                | {
                    "x_transaction_log_flush_interval": 1.0,  # a killed offline run loses 15 s of its mirror otherwise
                    "init_timeout": INIT_TIMEOUT,
                    "finish_timeout": FINISH_TIMEOUT,
                    "finish_timeout_raises": True,
                    "save_code": False,
                    "disable_code": True,
                    "disable_git": True,
                    "disable_job_creation": True,
                }
            ),
        )
        self._run.define_metric("epoch", hidden=True)
        self._run.define_metric("*", step_metric="epoch")

    def _gather(self, values: Mapping[str, Any], whole: bool) -> None:
        """Add what is known of an epoch; log it where that is all, and log another epoch's before."""
        if self._epoch and self._epoch["epoch"] != values["epoch"]:
            self._flush()
        self._epoch |= values
        if whole:
            self._flush()

    def _flush(self) -> None:
        values, self._epoch = self._epoch, {}
        if self._run is not None and values:
            self._run.log(values)

    def _media(self) -> dict[str, Any]:
        import wandb

        drawn = pictures(self._info) if self._info is not None else []
        return {f"figures/{file.stem}": wandb.Image(str(file)) for file in drawn}

    def _close(self, exit_code: int, summary: Mapping[str, Any]) -> None:
        if self._run is None:
            return
        self._flush()
        media = self._media() if exit_code == 0 else {}
        run, self._run = self._run, None
        if media:
            run.log(media)
        run.summary.update(dict(summary))
        run.finish(exit_code=exit_code)

    def _summary(self, result: Mapping[str, Any]) -> dict[str, Any]:
        """How the run ended, and its final numbers."""
        ended = {key: result[key] for key in ("status", "lagrangian", "seconds", "error") if key in result}
        return ended | final_numbers(result, estimated_split(self._info) if self._info is not None else "train")

    def _guarded(self, what: str, action: Callable[[], None]) -> None:
        # Deliberately every exception: the records do not need the mirror, so none of its faults may end a run.
        try:
            action()
        except Exception as error:
            self._run = None
            reason = " ".join(str(error).split()) or type(error).__name__
            log.warning("W&B could not %s: %s. The run goes on without it, and its records are complete.", what, reason)


def wandb_id(study: str, run_id: str) -> str:
    """The id of a run in W&B: one for each run, with the characters and the length that W&B allows.

    A plain study's is its name, a dash and the run's id. Where the name has other characters, is too long or ends as
    below, what W&B can show of it is followed by a digest of both: no two runs share an id, which W&B would join.
    """
    plain = f"{study}-{run_id}"
    if _PLAIN.fullmatch(study) and _PLAIN_RUN.fullmatch(run_id) and len(plain) <= LONGEST_ID:
        return plain
    digest = sha256(json.dumps([study, run_id]).encode()).hexdigest()[:DIGEST]
    shown, of_run = (_OTHER.sub("-", text) for text in (study, run_id))
    of_run = of_run[-(LONGEST_ID - DIGEST - 2) :]
    room = LONGEST_ID - len(f"-{digest}-{of_run}")
    return f"{shown[:room]}-{digest}-{of_run}"


def _settings(wanted: Mapping[str, Any]) -> wandb.Settings:
    """The wanted settings that the installed wandb knows; some are private to wandb and may disappear."""
    import wandb

    return wandb.Settings(**{name: value for name, value in wanted.items() if name in wandb.Settings.model_fields})
