"""ib-train: compose the config, run it, and end with the right exit code.

0: done. 1: a run failed. 2: the command or config is wrong. 128 + n: stopped by signal n, saved.
"""

from __future__ import annotations

import os
import sys
import traceback
from typing import TYPE_CHECKING, Any

import hydra
from hydra.core.config_store import ConfigStore
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
    hydra_traceback = os.environ.get("HYDRA_FULL_ERROR")
    verbose = hydra_traceback == "1" or any(word in ("debug=true", "debug=True") for word in sys.argv)
    os.environ["HYDRA_FULL_ERROR"] = "1"  # so that Hydra raises its errors here instead of printing and leaving
    try:
        outcomes = compose_and_run(restore=hydra_traceback)
    except (ConfigError, HydraException, OmegaConfBaseException) as error:
        if verbose:
            traceback.print_exc()
        print(f"ib-train: {explain(error, sys.argv[1:])}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt as stop:
        sys.exit(getattr(stop, "exit_code", 130))
    if len(outcomes) > 1:
        from ib_cli.screen import show_study

        show_study(outcomes)
    sys.exit(max((outcome.exit_code for outcome in outcomes), default=0) if len(outcomes) == 1
             else int(any(outcome.exit_code for outcome in outcomes)))


def compose_and_run(restore: str | None) -> list[Outcome]:
    """Let Hydra compose the config of each run, and run them; `restore` is the environment's own HYDRA_FULL_ERROR."""
    OmegaConf.register_new_resolver("ib_help", help_text, replace=True)
    store = ConfigStore.instance()
    for name in choices("sweep"):
        store.store(name=name, group="sweep", package="_global_",
                    node=OmegaConf.load(directory("sweeps") / f"{name}.yaml"))
    outcomes: list[Outcome] = []

    @hydra.main(version_base="1.3", config_path=str(directory("conf")), config_name="config")
    def task(config: DictConfig) -> Any:
        from ib_cli.run import run

        if restore is None:
            os.environ.pop("HYDRA_FULL_ERROR", None)
        outcome = run(config)
        outcomes.append(outcome)
        return outcome.result.get("test", {}).get("J")

    task()
    return outcomes
