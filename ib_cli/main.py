"""ib-train: compose the config, run it, and end with the right exit code.

0: done. 1: a run failed. 2: the command or config is wrong. 128 + n: stopped by signal n, saved.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ib_cli.catalogue import choices, directory, help_text
from ib_cli.errors import ConfigError
from ib_cli.explain import explain

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from ib_cli.run import Outcome


def main() -> None:
    """The console script `ib-train`."""
    verbose = os.environ.get("HYDRA_FULL_ERROR") == "1" or bool({"debug=true", "debug=True"} & set(sys.argv))
    try:
        with hydra_raises():
            outcomes = compose_and_run()
    except (ConfigError, HydraException, OmegaConfBaseException) as error:
        if verbose:
            traceback.print_exc()
        print(f"ib-train: {explain(error, sys.argv[1:])}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:  # what reads our output has ended, as `head` does; runs can be continued
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)
    except KeyboardInterrupt as stop:
        sys.exit(getattr(stop, "exit_code", 130))
    if len(outcomes) > 1:
        from ib_cli.study import show_study

        show_study(outcomes)
    sys.exit(max((outcome.exit_code for outcome in outcomes), default=0))


@contextmanager
def hydra_raises() -> Iterator[None]:
    """Within the block Hydra raises its errors, where it would otherwise print them and leave with code 1."""
    before = os.environ.get("HYDRA_FULL_ERROR")
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["HYDRA_FULL_ERROR"]
        else:
            os.environ["HYDRA_FULL_ERROR"] = before


def compose_and_run() -> list[Outcome]:
    """Let Hydra compose the config of each run, and run them. Raises ConfigError where no config is right."""
    OmegaConf.register_new_resolver("ib_help", help_text, replace=True)
    store = ConfigStore.instance()
    for name in choices("sweep"):
        store.store(
            name=name, group="sweep", package="_global_", node=OmegaConf.load(directory("sweeps") / f"{name}.yaml")
        )
    outcomes: list[Outcome] = []

    @hydra.main(version_base="1.3", config_path=str(directory("conf")), config_name="config")
    def task(config: DictConfig) -> Any:
        from ib_cli.run import Outcome, run

        overrides = HydraConfig.get().overrides.task
        try:
            outcome = run(config)
        except ConfigError as error:  # kept from Hydra, which would print it; and the other runs go on
            outcome = Outcome(None, "failed", {}, explain(error, overrides), cause=error)
        outcomes.append(replace(outcome, overrides=tuple(overrides)))
        return outcome.result.get("test", {}).get("J")

    task()
    if outcomes and all(outcome.cause is not None for outcome in outcomes):
        raise outcomes[0].cause  # nothing could run
    return outcomes
