"""The library: the page's blocks, and that it agrees with the command."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import hydra
import numpy as np
import pytest
import torch
import yaml

import ib_cli
from ib_cli.contracts.errors import BusyError, ConfigError, RunFailedError
from ib_cli.run.loaded_run import Run
from tests.conftest import SMALL, Ended
from tests.families import family

PAGE = Path(__file__).parents[2] / "docs" / "library.md"
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """Trains a small run in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def make(*overrides: str) -> Run:
        return ib_cli.train(ib_cli.build(ib_cli.compose([*SMALL, "estimators=none", *overrides])))

    return make


@pytest.mark.slow
def test_the_pages_blocks_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    names: dict = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    assert len(blocks) >= 5 and (tmp_path / "frontier.png").stat().st_size > 10_000
    assert "True" in capsys.readouterr().out  # the run's own evaluation, repeated
    assert names["slope"] > 0  # J's derivative by gamma is R


def test_command_and_library_make_one_run(ib_train: Callable[..., Ended], trained: Callable[..., Run]) -> None:
    by_command = ib_train(*SMALL, "estimators=none")
    assert by_command.code == 0
    (folder,) = Path("outputs/runs").iterdir()
    before = (folder / "result.json").read_bytes()
    run = trained()
    assert run.folder == Path("outputs/runs") / folder.name and (folder / "result.json").read_bytes() == before
    assert "done before" in ib_train(*SMALL, "estimators=none").out


def test_building_and_training_leave_process_and_experiment_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    threads, seed = torch.get_num_threads(), torch.initial_seed()
    experiment = ib_cli.build(ib_cli.compose([*SMALL, "estimators=none", "schedule=plateau", "rerun=true"]))
    assert not Path("outputs").exists()
    initial = deepcopy(experiment.model.state_dict())
    first = ib_cli.train(experiment).result["test"]
    again = ib_cli.train(experiment).result["test"]
    assert first == again
    assert all(torch.equal(value, initial[name]) for name, value in experiment.model.state_dict().items())
    assert (threads, seed) == (torch.get_num_threads(), torch.initial_seed())


@pytest.mark.parametrize(
    "overrides",
    family([
        ("averaging=0.9",),
        ("objective=ce", "bottleneck=deterministic"),
        ("objective=decoder_uncertainty", "bottleneck=categorical", "bottleneck.size=12", "classifier=optimal"),
        ("objective=ce", "bottleneck=zero_entropy_noise", "procedure=noise_scaling", "procedure.start=4",
         "procedure.end=2"),
        ("objective=weight_ib", "weights=gaussian"),
        ("architecture.batch_norm=true",),
        ("procedure=langevin", "procedure.temperature=1e-3", "procedure.prior=0.01", "procedure.burn_in=0",
         "procedure.chains=1", "procedure.steps=2", "epochs=4", "batch_size=200"),
    ], every=2, whole=True),
    ids=["averages", "no density", "refreshed", "scaled", "drawn weights", "batch norm", "a chain"],
)  # fmt: skip
def test_a_loaded_model_is_the_one_that_was_trained(trained: Callable[..., Run], overrides: tuple[str, ...]) -> None:
    run = ib_cli.load_run(trained(*overrides).folder)
    assert run.status == "done"
    found, recorded = run.evaluate("test"), run.metrics[run.metrics["split"] == "test"].iloc[-1]
    for name, value in found.items():
        assert value == pytest.approx(recorded[name], rel=1e-6, abs=1e-7), name


def test_samples_have_the_split_as_their_mean(trained: Callable[..., Run]) -> None:
    run = trained("weights=gaussian", "objective=weight_ib")
    found, of_samples = run.evaluate("test"), run.evaluate_samples("test")
    assert len(of_samples) == 100
    for name in of_samples:
        assert of_samples[name].mean() == pytest.approx(found[name], rel=1e-5), name


def test_encodings_are_the_models(trained: Callable[..., Run]) -> None:
    run = trained()
    x = run.data.splits["test"].x[:7]
    q = run.encode(x.numpy())
    features = run.model.architecture(run.data.affine(x), None)
    torch.testing.assert_close(q.mean, run.model.bottleneck.density(features).mean)
    assert run.represent(x, samples=3).shape == (3, 7, 4)
    with pytest.raises(ValueError, match="a sample's shape is"):
        run.encode(np.zeros((2, 5)))
    with pytest.raises(ValueError, match="split=validation: the data have"):
        run.evaluate("validation")


def test_a_z_without_density_says_so(trained: Callable[..., Run]) -> None:
    run = trained("objective=ce", "bottleneck=deterministic")
    with pytest.raises(ValueError, match=r"use represent\(x\)"):
        run.encode(run.data.splits["test"].x[:2])


def test_what_is_wrong_is_one_line(tmp_path: Path, trained: Callable[..., Run]) -> None:
    for words, told in (
        (["gama=1"], "gama: no such key; did you mean gamma?"),
        (["objective=nothing"], "objective=nothing: no such objective"),
        (["epochs=-1"], "epochs=-1: must be"),
        (["gamma=0.1,0.2"], "several values need a multirun"),
    ):
        with pytest.raises(ConfigError) as error:
            ib_cli.build(ib_cli.compose(words))
        assert told in str(error.value) and "\n" not in str(error.value)
    with pytest.raises(ConfigError, match="is no run's folder"):
        ib_cli.load_run(tmp_path / "nowhere")
    (tmp_path / "config.yaml").write_text("a: [")
    with pytest.raises(ConfigError, match="no YAML can be read"):
        ib_cli.load_run(tmp_path)
    with pytest.raises(RunFailedError, match="became"):
        trained("optimizer.lr=1e30")
    with pytest.raises(ConfigError, match=r"dataset\.rot: this run's config has no such key"):
        ib_cli.load_run(trained().folder, overrides={"dataset.rot": "/data"})


def test_a_procedure_without_a_model_says_so(trained: Callable[..., Run]) -> None:
    words = ("dataset=therml_toy", "architecture=tables", "objective=ib_lagrangian", "gamma=3")
    run = ib_cli.train(
        ib_cli.build(ib_cli.compose([*words, "procedure=exact_frontier", "procedure.restarts=1", "figures=false"]))
    )
    assert run.result["train"]["gap"] < 1e-8
    with pytest.raises(ConfigError, match=r"has no checkpoint\.pt"):
        _ = run.model


def test_a_config_of_an_earlier_version_is_read(trained: Callable[..., Run]) -> None:
    run = trained()
    config = yaml.safe_load((run.folder / "config.yaml").read_text())
    config["bottleneck"]["_target_"] = "ib_cli.bottlenecks.gaussian.Gaussian"  # where it was before the floors
    config["tracker"]["_target_"] = "ib_cli.observer.Observer"
    (run.folder / "config.yaml").write_text(yaml.safe_dump(config))
    again = ib_cli.load_run(run.folder)
    assert again.evaluate("test") == run.evaluate("test")
    assert json.loads((run.folder / "result.json").read_text())["test"] == again.result["test"]


def test_only_the_run_that_an_id_stands_for_is_recorded_under_it(trained: Callable[..., Run]) -> None:
    config = ib_cli.compose([*SMALL, "gamma=0.05"])
    base = ib_cli.build(config)
    config["gamma"] = 9  # of the caller's dict alone
    other = ib_cli.varied(base, {"gamma": 1})
    assert other.records.folder != base.records.folder
    assert ib_cli.train(other).folder.name == trained("gamma=1").folder.name
    found = ib_cli.train(base)
    assert found.config["gamma"] == 0.05 and found.result["multipliers"] == {"gamma": 0.05}
    assert found.evaluate("test")["J"] == found.result["test"]["J"]
    with pytest.raises(ConfigError, match="does not have the initial parameters"):
        ib_cli.train(ib_cli.varied(base, {}, seed=1))
    with torch.no_grad():
        next(base.model.parameters()).zero_()
    with pytest.raises(ConfigError, match="does not have the initial parameters"):
        ib_cli.train(base)
    for wrong in ({"nonsense": 3}, {"gamma": "x"}, {"gamma": -1}):
        with pytest.raises(ConfigError):
            ib_cli.varied(base, wrong)


def test_one_experiment_is_trained_once_at_a_time(trained: Callable[..., Run]) -> None:
    experiment = ib_cli.build(ib_cli.compose([*SMALL]))
    experiment.records.open("")
    with pytest.raises(BusyError, match="this process is at this run already"):
        ib_cli.train(experiment)
    experiment.records.close()
    assert ib_cli.train(experiment).status == "done"


def test_own_configs_lie_in_any_folder_that_exists(tmp_path: Path) -> None:
    folder = tmp_path / "my own" / "bottleneck"
    folder.mkdir(parents=True)
    (folder / "narrow.yaml").write_text("_target_: gaussian\nsize: 3\noffset: -5.0\ninitialisation: torch\n")
    config = ib_cli.compose(["bottleneck=narrow"], config_dir=folder.parent)
    assert config["bottleneck"]["size"] == 3 and config["bottleneck"]["_target_"] == "gaussian"
    with pytest.raises(ConfigError, match="there is no such folder"):
        ib_cli.compose([], config_dir=tmp_path / "nowhere")


def test_a_hydra_of_the_callers_goes_on(tmp_path: Path) -> None:
    with hydra.initialize_config_dir(str(tmp_path), version_base="1.3"):
        assert ib_cli.compose(["gamma=0.3"])["gamma"] == 0.3
        (tmp_path / "own.yaml").write_text("a: 1\n")
        assert hydra.compose("own").a == 1


def test_types_of_x_and_empty_tables(trained: Callable[..., Run]) -> None:
    run = trained()
    x = run.data.splits["test"].x[:4]
    for same in (x.double(), x.half(), x.numpy().astype("float64")):
        torch.testing.assert_close(run.encode(same).mean, run.encode(x).mean, atol=1e-2, rtol=1e-2)
    with pytest.raises(ValueError, match="x has no samples"):
        run.encode(x[:0])
    assert len(run.estimates[["quantity", "estimator", "value", "saturated"]]) == 0
    with torch.no_grad():
        assert trained("seed=5").status == "done"


@pytest.mark.parametrize(
    "call, error, told",
    [
        (lambda: ib_cli.compose("objective=vib"), TypeError, "a list of words"),
        (lambda: ib_cli.compose([1]), TypeError, "a list of words"),
        (lambda: ib_cli.compose(["sweep=vib_mnist"]), ConfigError, "is for the command line"),
        (lambda: ib_cli.compose(["-m"]), ConfigError, "is for the command line"),
        (lambda: ib_cli.build(None), TypeError, "what compose returns"),
        (lambda: ib_cli.train({}), TypeError, "what build returns"),
        (lambda: ib_cli.load_run(".", device="tpu"), ValueError, "must be auto, cpu or cuda"),
        (lambda: ib_cli.load_run(".", overrides=["a=1"]), TypeError, "a mapping of keys to values"),
        (lambda: ib_cli.train_copies([], 1), ValueError, "there is none to train"),
    ],
)
def test_misuse_is_one_line(call: Callable[[], object], error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told) as raised:
        call()
    assert "\n" not in str(raised.value)


def test_a_checkpoint_that_does_not_fit_and_a_damaged_config(trained: Callable[..., Run]) -> None:
    folder = trained().folder
    with pytest.raises(ConfigError, match=r"checkpoint\.pt does not fit this config"):
        _ = ib_cli.load_run(folder, overrides={"bottleneck.size": 7}).model
    (folder / "config.yaml").write_text("dataset: 3")
    with pytest.raises(ConfigError, match="is damaged"):
        ib_cli.load_run(folder)


def test_importing_the_package_imports_nothing_heavy() -> None:
    import subprocess
    import sys

    code = "import sys, ib_cli; assert not {'torch', 'hydra', 'pandas'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert callable(ib_cli.compose) and ib_cli.Run is Run
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = ib_cli.nothing
