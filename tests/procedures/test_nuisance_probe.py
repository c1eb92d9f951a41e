"""A classifier on the frozen representation of a finished run: closed forms, interruptions, studies, wrong commands."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import ib_cli
from ib_cli.contracts.errors import ConfigError
from ib_cli.engine import train
from ib_cli.experiment.experiment import Experiment
from ib_cli.experiment.finished_run import FinishedRun
from ib_cli.experiment.records import Records
from ib_cli.procedures.nuisance_probe import NuisanceProbe
from ib_cli.procedures.representation import Representation
from ib_cli.run.library import Run
from ib_cli.run.measured import completed
from ib_cli.study.finished_runs import runs_to_measure
from ib_cli.system.signals import Interrupted, catch_signals
from tests.conftest import SMALL, Ended
from tests.families import family
from tests.procedures.fit.test_fit_together import assert_equal
from tests.run.test_resume import Stopper

PROBE = ("procedure=nuisance_probe", "procedure.label=y", "architecture.widths=[16]", "batch_size=50", "epochs=2",
         "figures=false", "device=cpu")  # fmt: skip
KEYS: dict[str, Any] = {"layer": "z", "noise": "on", "label": "y", "normalise": "standard"}
NOISY = {
    "gaussian": (),
    "weights": ("objective=weight_ib", "weights=gaussian"),
    "dropout": ("objective=ce", "bottleneck=dropout", "bottleneck.size=4"),
    "masks": ("objective=ce", "architecture.dropout=0.3", "architecture.monte_carlo=true"),
    "layers": ("objective=information_dropout", "noise=information"),
    "discrete": ("objective=dib", "bottleneck.size=12"),
}
SLOW = ("weights", "dropout", "layers")


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """Trains a small run in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return lambda *overrides: ib_cli.train(ib_cli.build(ib_cli.compose([*SMALL, *overrides])))


def built(run: Run, *overrides: str) -> Experiment:
    """A probe of a run, before training."""
    return ib_cli.build(ib_cli.compose([*PROBE, f"procedure.run={run.folder}", *overrides]))


def as_it_is(run: Run) -> FinishedRun:
    """The run as a procedure finds it."""
    measured = built(run).measured
    assert measured is not None
    return measured


def drawn(run: FinishedRun, noise: bool, seed: int = 0, layer: str = "z") -> torch.Tensor:
    """The representation of the test split."""
    return Representation(run, layer, noise).of_split("test", torch.Generator().manual_seed(seed))


def with_parameters(run: Run, change: Callable[[torch.Tensor], torch.Tensor], *names: str) -> None:
    """Change parameters in the checkpoint of a run that is done."""
    records = Records(run.folder)
    state = records.read_checkpoint(torch.device("cpu"))
    assert state is not None
    for name in names:
        state["params"][name] = change(state["params"][name])
    records.save_checkpoint(state)
    records.checkpoints.end()


def test_a_probe_of_z_equal_to_x_is_training_on_x(trained: Callable[..., Run]) -> None:
    run = trained("objective=ce", "architecture.widths=[]", "bottleneck.size=null", "epochs=1")
    measured = as_it_is(run)
    torch.testing.assert_close(drawn(measured, True), measured.data.batch("test", torch.arange(100)).x.flatten(1))
    probe = ib_cli.train(built(run, "procedure.normalise=none", "seed=3", "epochs=5"))
    direct = trained("objective=ce", "bottleneck.size=null", "seed=3", "epochs=5")
    for split in ("train", "test"):
        for name in ("C", "error"):
            assert probe.result[split][name] == pytest.approx(direct.result[split][name], rel=1e-5), (split, name)
    assert probe.result["measured"] == {
        "run": run.folder.name,
        "measures": {split: {"y_error": probe.result[split]["error"]} for split in ("train", "test")},
    }
    assert probe.folder.parent == run.folder.parent


@pytest.mark.slow
def test_a_probe_of_noise_guesses(trained: Callable[..., Run]) -> None:
    """With the encoder's map at 0, z ~ N(0, s²) whatever x is. Draws made anew leave nothing to learn by heart."""
    run = trained("dataset.test_size=350", "epochs=1")
    with_parameters(run, torch.zeros_like, "bottleneck.parameters_of_z.weight", "bottleneck.parameters_of_z.bias")
    measured = as_it_is(run)
    assert drawn(measured, True).std() == pytest.approx(math.log1p(math.exp(-5)), rel=0.05)
    assert drawn(measured, False).std() == 0
    error = ib_cli.train(built(run, "epochs=10", "architecture.widths=[64]")).result["test"]["error"]
    assert abs(error - 0.9) < 3 * math.sqrt(0.9 * 0.1 / 350)


@pytest.mark.parametrize(
    "words",
    [pytest.param(words, marks=[pytest.mark.slow] if name in SLOW else [], id=name) for name, words in NOISY.items()],
)
def test_noise_is_drawn_anew_and_is_absent_where_it_is_off(trained: Callable[..., Run], words: tuple[str, ...]) -> None:
    run = as_it_is(trained(*words))
    one, again, other = (drawn(run, True, seed) for seed in (0, 0, 1))
    assert torch.equal(one, again) and not torch.equal(one, other)
    assert torch.equal(drawn(run, False, 0), drawn(run, False, 1))
    z = Representation(run, "z", True)
    data = NuisanceProbe(run="", digest=None, patience=None, watch="J", **KEYS).data(run)
    assert z.drawn and data.augmentation is not None
    first, second = (data.batch("train", torch.arange(20), torch.Generator().manual_seed(seed)).x for seed in (0, 1))
    assert not torch.equal(first, second)
    assert torch.equal(data.batch("test", torch.arange(20)).x, data.batch("test", torch.arange(20)).x)
    if run.model.bottleneck.discrete:
        assert (one.sum(-1) == 1).all() and (one.max(-1).values == 1).all()


def test_noise_off_is_the_mean(trained: Callable[..., Run]) -> None:
    run = trained()
    q, measured = run.encode(run.data.splits["test"].x), as_it_is(run)
    torch.testing.assert_close(drawn(measured, False), q.mean)
    draws = torch.stack([drawn(measured, True, seed) for seed in range(64)])
    assert ((draws.mean(0) - q.mean).abs() < 5 * q.stddev / 8).all()


@pytest.mark.slow
def test_a_layer_of_noise_can_be_probed(trained: Callable[..., Run]) -> None:
    run = trained("objective=information_dropout", "noise=information", "architecture.widths=[16,8]")
    measured = as_it_is(run)
    clean, noisy = drawn(measured, False, layer="noise_1"), drawn(measured, True, layer="noise_1")
    assert clean.shape == noisy.shape == (100, 16)
    assert torch.equal(clean > 0, noisy > 0) and not torch.equal(clean, noisy)  # ε > 0
    last = drawn(measured, False, layer="noise_2")
    torch.testing.assert_close(drawn(measured, False), measured.model.bottleneck.map(last))
    probe = ib_cli.train(built(run, "procedure.layer=noise_1", "procedure.noise=off"))
    assert probe.data.spec.input_shape == (16,)
    assert probe.result["measured"]["measures"]["test"].keys() == {"y_error_noise_1_noise_off"}
    with pytest.raises(ConfigError, match=r"procedure.layer=noise_3: no layer of .*; there are z, noise_1, noise_2"):
        built(run, "procedure.layer=noise_3")


def test_an_interrupted_probe_goes_on_bit_for_bit(trained: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "SECONDS_BETWEEN_REPORTS", -1)
    run = trained()

    def opened(name: str, *observers: Stopper) -> Experiment:
        made = replace(built(run), records=Records(Path(name)), observers=observers)
        made.records.open("")
        return made

    whole = opened("whole")
    expected = whole.procedure.run(whole, None)
    part = opened("part", Stopper(1, 2))
    with catch_signals() as stop, pytest.raises(Interrupted):
        part.procedure.run(replace(part, stop=stop), None)
    part.records.close()
    rest = opened("part")
    ended = rest.procedure.run(rest, rest.records.load_checkpoint(torch.device("cpu")))
    assert ended.measures == expected.measures and ended.of_measured == expected.of_measured
    assert all(torch.equal(ended.params[name], p) for name, p in expected.params.items())


def test_a_study_is_probed_by_one_command_alone_and_together(ib_train: Callable[..., Ended]) -> None:
    assert ib_train("-m", *SMALL, "gamma=1e-3,1e-1", "name=one").code == 0
    shutil.copytree("outputs/one", "outputs/two")
    study = ("-m", *PROBE, "seed=0,1")
    alone = ib_train(*study, "procedure.run=outputs/one")
    assert alone.code == 0 and alone.out.rstrip().endswith("; outputs/one")  # where they lie, not outputs/runs
    together = ib_train(*study, "procedure.run=outputs/two", "hydra/launcher=vectorized")
    assert together.code == 0, together.err
    assert_equal(Path("outputs/two"), Path("outputs/one"))
    results = [json.loads(file.read_text()) for file in Path("outputs/one").glob("*/result.json")]
    measured = [result["measured"]["run"] for result in results if "measured" in result]
    assert len(results) == 6 and sorted(measured) == sorted(2 * list(dict.fromkeys(measured))) and len(measured) == 4
    assert Path("outputs/one", measured[0], "result.json").exists()
    assert {run.name for run in runs_to_measure(Path("outputs/one"))} == set(measured)  # probes are not probed


def test_a_probe_belongs_to_the_run_as_it_is(trained: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    run = trained()
    probe = ib_cli.train(built(run))
    assert built(run).records.folder.name == probe.folder.name
    with monkeypatch.context() as patch:
        patch.chdir(run.folder.parent)
        spelled = ib_cli.build(ib_cli.compose([*PROBE, f"procedure.run={run.folder.name}"]))
    assert spelled.records.folder == probe.folder.resolve()
    loaded = ib_cli.load_run(probe.folder).evaluate("test")
    assert loaded["error"] == pytest.approx(probe.result["test"]["error"])
    with_parameters(run, lambda weight: weight + 1e-3, "bottleneck.parameters_of_z.bias")
    assert built(run).records.folder.name != probe.folder.name
    with pytest.raises(ConfigError, match="has changed since this measurement of it began"):
        _ = ib_cli.load_run(probe.folder).model


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Path], dict[str, Any]]:
    """A folder with a run that is done, one without a model, and a probe; and the probe's config."""
    exact = ("dataset=therml_toy", "architecture=therml_toy", "objective=therml", "weights=point", "sigma=0",
             "procedure=exact_frontier", "procedure.restarts=1", "figures=false", "estimators=none")  # fmt: skip
    here = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        done, other = (
            ib_cli.train(ib_cli.build(ib_cli.compose([*words, f"name={name}"])))
            for name, words in (("a", SMALL), ("exact", exact))
        )
        probe = ib_cli.train(built(done))
    return here, {"a": done.folder, "exact": other.folder, "probe": probe.folder}, probe.config


@pytest.mark.parametrize(
    "run, keys, told",
    family(
        [
            ("outputs", {}, "procedure.run=outputs: "),
            ("nowhere", {}, "is no run's folder"),
            ("outputs/a", {}, "is a study's folder: name one of its runs"),
            ("{exact}", {}, "has no checkpoint.pt, so there is no model to measure (its procedure is exact_frontier)"),
            ("{probe}", {}, "this run measures another one itself: name that run, outputs/a/"),
            (
                "{a}",
                {"dataset": {"_target_": "therml_toy", "passes": 1}},
                "dataset=therml_toy: the run of procedure.run=",
            ),
            ("{a}", {"dataset.train_size": None}, "dataset.train_size=null: the run of procedure.run="),
            ("{a}", {"procedure.label": "nuisance"}, "have no such label; there are y"),
            ("{a}", {"procedure.noise": "maybe"}, "procedure.noise=maybe: must be 'on' or 'off'"),
            ("{a}", {"procedure.patience": 1}, "procedure.patience needs a validation split"),
            (
                "{a}",
                {"objective": {"name": "autoencoder", "minimise": {"D": 1}}},
                "trains no classifier, which a probe is",
            ),
        ],
        every=2,
    ),
)
def test_a_wrong_probe_is_a_line(
    monkeypatch: pytest.MonkeyPatch,
    runs: tuple[Path, dict[str, Path], dict[str, Any]],
    run: str,
    keys: dict[str, Any],
    told: str,
) -> None:
    here, folders, config = runs
    monkeypatch.chdir(here)
    config = deepcopy(config)
    config["procedure"]["run"] = run.format(**folders)
    for key, value in keys.items():
        *groups, name = key.split(".")
        (config[groups[0]] if groups else config)[name] = value
    with pytest.raises(ConfigError) as error:
        ib_cli.build(completed(config))
    assert told in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "words, told",
    [
        (["procedure.run=outputs/a", "dataset=digits"], "procedure.run=outputs/a: is a study's folder"),
        ([], "procedure.run: this key needs a value"),
    ],
)
def test_a_wrong_command_ends_with_2(
    ib_train: Callable[..., Ended],
    monkeypatch: pytest.MonkeyPatch,
    runs: tuple[Path, dict[str, Path], dict[str, Any]],
    words: list[str],
    told: str,
) -> None:
    monkeypatch.chdir(runs[0])
    ended = ib_train(*PROBE, *words)
    assert ended.code == 2 and told in ended.err and ended.err.count("\n") == 1, ended.err


def test_runs_that_are_not_done_or_not_whole_are_refused(trained: Callable[..., Run]) -> None:
    run = trained()
    folder, config = run.folder, dict(built(run).config)

    def refused(told: str) -> None:
        with pytest.raises(ConfigError, match=told) as error:
            completed(config)
        assert str(error.value).startswith(f"procedure.run={folder}: ") and "\n" not in str(error.value)

    content, checkpoint = ((folder / name).read_bytes() for name in ("metrics.jsonl", "checkpoint.pt"))
    (folder / "metrics.jsonl").write_bytes(content.replace(b"1", b"2", 1))
    refused("metrics.jsonl is damaged")
    (folder / "metrics.jsonl").write_bytes(content)
    (folder / "checkpoint.pt").write_bytes(checkpoint[:-100])
    refused("checkpoint.pt cannot be read")
    (folder / "checkpoint.pt").write_bytes(checkpoint)
    (folder / "result.json").unlink()
    refused("this run is not finished: the command that began it goes on with it")


@pytest.mark.slow
def test_the_nuisance_of_occluded_images(ib_train: Callable[..., Ended], real_data: str) -> None:
    """A network that is x itself keeps the digit: the probe finds it."""
    words = ("dataset=occluded", f"dataset.root={real_data}", "dataset.background=fashion_mnist",
             "dataset.train_size=2000", "dataset.test_size=500", "objective=ce", "architecture.widths=[]",
             "epochs=1", "figures=false", "estimators=none", "device=cpu", "name=occluded")  # fmt: skip
    ended = ib_train(*words)
    assert ended.code == 0, ended.err
    (folder,) = (file.parent for file in Path("outputs/occluded").glob("*/result.json"))
    ended = ib_train(
        *PROBE, "procedure.label=nuisance", f"procedure.run={folder}", "architecture.widths=[64]", "epochs=5"
    )
    assert ended.code == 0, ended.err
    (probe,) = (file for file in Path("outputs/occluded").glob("*/result.json") if file.parent != folder)
    found = json.loads(probe.read_text())
    assert found["measured"]["measures"]["test"]["nuisance_error"] == found["test"]["error"] < 0.6
