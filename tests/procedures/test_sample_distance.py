"""How far samples of a finished run are from its data: against hand-made models, records, reports, wrong commands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import pytest
import torch

import ib_cli
from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.passes import needed
from ib_cli.estimators.frechet import frechet_distance
from ib_cli.experiment.experiment import Experiment
from ib_cli.experiment.finished_run import FinishedRun
from ib_cli.procedures.sample_distance import SampleDistance, _as_seen_by, _judged
from ib_cli.run.library import Run
from tests.conftest import SMALL
from tests.report.reporting import contents_of

SOME = [word for word in SMALL if not word.startswith(("dataset.", "bottleneck."))]
JUDGE = ("objective=ce", "architecture.widths=[32]", "epochs=8", "name=judge")
VAE = ("objective=vae", "decoder.widths=[16]", "bottleneck.size=4", "epochs=1", "name=made")


def trained(outputs: Path, *words: str) -> Run:
    """A small run, trained into a folder of all studies."""
    return ib_cli.train(ib_cli.build(ib_cli.compose([*SOME, *words, f"output={outputs}"])))


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a VAE in the study `made` and a classifier in `judge`."""
    outputs = tmp_path_factory.mktemp("outputs")
    trained(outputs, *VAE)
    trained(outputs, *JUDGE)
    return outputs


@pytest.fixture
def outputs(first: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(copytree(first, tmp_path / "outputs"))


def only(study: Path) -> Path:
    """The folder of the study's one run."""
    (config,) = study.glob("*/config.yaml")
    return config.parent


def built(run: Path, judge: Path, *words: str) -> Experiment:
    """A measurement of a run, before it is made."""
    given = (f"procedure.run={run}", f"procedure.classifier={judge}")
    return ib_cli.build(
        ib_cli.compose(["procedure=sample_distance", *given, "procedure.samples=300", "figures=false", "device=cpu",
                        *words])
    )  # fmt: skip


def test_it_is_the_distance_of_the_classifiers_features_and_shares_of_its_labels(outputs: Path) -> None:
    run, judge = only(outputs / "made"), only(outputs / "judge")
    made = built(run, judge, "seed=3")
    images = torch.cat(list(made.procedure._made(made, needed(made.measured))))  # type: ignore[attr-defined]
    assert images.shape == (300, 1, 8, 8) and (images.flatten(1).std(0) > 0).any()
    found, classifier = ib_cli.train(made).result["test"], ib_cli.load_run(judge).model

    @torch.no_grad()
    def features(x: torch.Tensor) -> torch.Tensor:
        return classifier.architecture(x, None)

    data = needed(made.measured).data
    test = data.batch("test", torch.arange(len(data.splits["test"]))).x
    assert found["sample_distance"] == pytest.approx(frechet_distance(features(images), features(test)), rel=1e-3)
    assert 0 < found["data_distance"] < found["sample_distance"]
    labels = needed(classifier.classifier)(features(images)[None]).logits[0].argmax(-1)
    shares = [found[f"share_{label}"] for label in range(10)]
    assert shares == pytest.approx([(labels == label).float().mean().item() for label in range(10)])
    assert found["least_share"] == min(shares)
    assert found["sample_classes"] == sum(share >= 0.03 for share in shares)


def test_samples_that_are_the_data_are_as_near_as_the_data(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def training_images(self: SampleDistance, experiment: Experiment, measured: FinishedRun) -> Iterator[torch.Tensor]:
        return self._of(experiment, measured, "train", self.samples)

    monkeypatch.setattr(SampleDistance, "_made", training_images)
    made = built(only(outputs / "made"), only(outputs / "judge"), "procedure.samples=1000")
    found = ib_cli.train(made).result["test"]
    assert found["sample_distance"] == pytest.approx(found["data_distance"], abs=1e-9)
    assert found["sample_classes"] == 10


def test_a_classifier_of_other_values_and_with_noise_sees_its_own_values_and_no_noise(outputs: Path) -> None:
    """A run with grey values in [0, 1] is judged by a stochastic classifier that saw standard ones."""
    words = ("objective=vib", "architecture.dropout=0.5", "bottleneck.size=4", "epochs=1", "name=other")
    judge = trained(outputs, *words, "dataset.normalise=standard")
    made = built(only(outputs / "made"), judge.folder)
    seen = _as_seen_by(needed(made.judge), needed(made.measured), made.data.batch("test", torch.arange(50)).x)
    expected = judge.data.batch("test", torch.arange(50)).x
    torch.testing.assert_close(seen, expected, rtol=1e-4, atol=1e-4)
    mean = judge.model.bottleneck.density(judge.model.architecture(expected, None)).mean
    torch.testing.assert_close(_judged(needed(made.judge), expected)[0], mean, rtol=1e-4, atol=1e-5)


def test_it_joins_the_row_of_the_run_and_has_one_id_wherever_the_classifier_is(outputs: Path) -> None:
    run, judge = only(outputs / "made"), only(outputs / "judge")
    found = ib_cli.train(built(run, judge))
    (outputs / "judge").rename(outputs / "moved")
    again = built(run, outputs / "moved" / judge.name)
    assert again.records.folder.name == found.folder.name and found.folder.parent == run.parent
    told = found.result["measured"]
    assert told["run"] == run.name and told["measures"]["test"] == found.result["test"]
    table = contents_of(run.parent).results
    assert len(table) == 1 and table["test/sample_distance"][0] == found.result["test"]["sample_distance"]


def test_a_generator_without_an_encoder_is_judged_too(outputs: Path) -> None:
    words = ("objective=gan", "epochs=1", "name=gan", "decoder.widths=[8]", "critic_x.widths=[8]")
    found = ib_cli.train(built(trained(outputs, *words).folder, only(outputs / "judge"))).result["test"]
    assert found["sample_distance"] > 0 and sum(found[f"share_{label}"] for label in range(10)) == pytest.approx(1)


def test_what_distances_cannot_be_compared_by_is_a_doubt(outputs: Path) -> None:
    run, judge = only(outputs / "made"), only(outputs / "judge")
    (doubt,) = ib_cli.train(built(run, judge, "procedure.samples=2")).result["doubts"]
    assert doubt.startswith("distances of 2 samples by")
    doubts = ib_cli.train(built(run, judge, "procedure.samples=5000")).result["doubts"]
    assert any("training samples there are, and sample_distance of 5,000" in doubt for doubt in doubts)


def test_what_cannot_be_judged_is_one_line(outputs: Path) -> None:
    run, judge = only(outputs / "made"), only(outputs / "judge")
    white = trained(outputs, *JUDGE, "name=white", "epochs=1", "dataset.normalise=zca").folder
    for made_of, by, words, told in (
        (judge, judge, (), f"procedure.run={judge}: makes no samples"),
        (run, run, (), f"procedure.classifier={run}: is no classifier"),
        (run, white, (), f"procedure.classifier={white}: its images are whitened"),
        (run, judge, ("procedure.split=validation",), "procedure.split=validation: the run's data have train, test"),
        (run, judge, ("procedure.samples=1",), "procedure.samples=1"),
        (run, outputs / "judge", (), f"procedure.classifier={outputs / 'judge'}: is a study's folder"),
        (run, outputs / "none", (), f"procedure.classifier={outputs / 'none'}: "),
    ):
        with pytest.raises(ConfigError) as error:
            built(made_of, by, *words)
        assert str(error.value).startswith(told) and "\n" not in str(error.value), str(error.value)


def test_a_classifier_that_changes_between_is_refused(outputs: Path) -> None:
    given = (f"procedure.run={only(outputs / 'made')}", f"procedure.classifier={only(outputs / 'judge')}")
    config = ib_cli.compose(["procedure=sample_distance", *given])
    config["procedure"]["classifier_digest"] = "0" * 16
    with pytest.raises(ConfigError, match=r"procedure\.classifier=.*: has changed since this measurement"):
        ib_cli.build(config)
