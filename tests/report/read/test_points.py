"""A study of points: values of several keys that belong together, and what the command line changes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import yaml
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.types import HydraContext

from ib_cli.config.catalogue import directory

STUDY = yaml.safe_load((directory("sweeps") / "therml_fig3_8.yaml").read_text())["hydra"]["sweeper"]
GRID = "hydra_plugins.ib_train.grid_sweeper.GridSweeper"
MULTIPLIERS = ("rho", "delta", "gamma", "sigma")


@pytest.fixture
def jobs() -> Iterator[Callable[..., list[dict[str, str]]]]:
    """The overrides of each job of the study, given the words of a command line."""
    with initialize_config_dir(str(directory("conf")), version_base="1.3"):
        # as Hydra has loaded it: an import of our own may be another class
        sweeper = Plugins.instance().class_name_to_class[GRID](max_batch_size=None, **STUDY)
        sweeper.hydra_context = HydraContext(config_loader=GlobalHydra.instance().config_loader(), callbacks=None)
        yield lambda *words: [dict(word.split("=", 1) for word in job) for job in sweeper._points(list(words))]


def test_every_point_meets_every_other_value(jobs: Callable) -> None:
    planned = jobs()
    assert len(planned) == 26
    expected = {tuple(float(point[name]) for name in MULTIPLIERS) for point in STUDY["points"].values()}
    for infinite in ("true", "false"):
        of_variant = [job for job in planned if job["dataset.infinite"].lower() == infinite]
        assert len(of_variant) == 13
        assert {tuple(float(job[name]) for name in MULTIPLIERS) for job in of_variant} == expected


def test_a_key_of_the_command_line_stands_in_place_of_the_studys(jobs: Callable) -> None:
    planned = jobs("dataset.infinite=true", "sigma=0")
    assert len(planned) == 9  # 4a to 4d are one point without σ, as are 6a and 6b
    assert {float(job["sigma"]) for job in planned} == {0}
    assert len(jobs("dataset.infinite=true", "seed=0,1")) == 26
