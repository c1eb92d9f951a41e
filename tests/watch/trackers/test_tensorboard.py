"""The mirror in TensorBoard can be read back."""

from __future__ import annotations

import pytest

from ib_cli.contracts.errors import ConfigError
from ib_cli.watch.observer import RunInfo
from ib_cli.watch.trackers.tensorboard import Tensorboard


def run_info(folder, first_epoch=0):
    return RunInfo("study", "ab12", folder, "C + 0.01 R", {}, 2, first_epoch, {})


def line(epoch, split, **measures):
    return {"epoch": epoch, "step": epoch * 10, "split": split, **measures}


def test_the_scalars_of_an_interrupted_and_continued_run(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    first, second = Tensorboard(), Tensorboard()
    first.start(run_info(tmp_path))
    first.evaluated(line(1, "train", R=4.0))
    first.interrupt("stopped")
    second.start(run_info(tmp_path, first_epoch=1))
    second.evaluated(line(2, "train", R=2.0))
    second.evaluated(line(2, "test", **{"R": float("nan"), "H_model[Y|X]": 0.5}))
    second.finish({"status": "done"})

    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert sorted(events.Tags()["scalars"]) == ["test/H_model[Y|X]", "test/R", "train/R"]
    assert [(event.step, event.value) for event in events.Scalars("train/R")] == [(1, 4.0), (2, 2.0)]


def test_the_end_has_pictures_and_a_row_of_hparams(tmp_path):
    pytest.importorskip("tensorboard")
    from PIL import Image
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import metadata

    (tmp_path / "figures").mkdir()
    Image.new("RGB", (5, 4)).save(tmp_path / "figures" / "training.png")
    config = {"seed": 3, "batch_size": 50, "optimizer": {"lr": 1e-3}, "objective": {"name": "vib"}}
    observer = Tensorboard()
    observer.start(RunInfo("study", "ab12", tmp_path, "C + 0.01 R", {}, 2, 0, config, {"gamma": 0.01}))
    observer.finish({"status": "done", "epochs": 2, "test": {"R": 2.5}})

    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert events.Tags()["images"] == ["figures/training"] and events.Images("figures/training")[0].width == 5
    assert [(event.step, event.value) for event in events.Scalars("test/R")] == [(2, 2.5)]
    told = events.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
    row = metadata.parse_session_start_info_plugin_data(told).hparams
    assert (
        row["gamma"].number_value == 0.01 and row["objective"].string_value == "vib" and row["seed"].number_value == 3
    )


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr("ib_cli.watch.trackers.tensorboard.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'ib-train\[tensorboard\]'"):
        Tensorboard()
