"""MNIST, Fashion-MNIST, permuted MNIST and CIFAR-10: on made-up files of the real format, and on the real ones."""

from __future__ import annotations

import gzip
import shutil
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch

from ib_cli.contracts.errors import ConfigError
from ib_cli.datasets.cifar10 import Cifar10
from ib_cli.datasets.digits import FILE
from ib_cli.datasets.fashion_mnist import FashionMnist
from ib_cli.datasets.mnist import Mnist
from ib_cli.datasets.permuted_mnist import PermutedMnist
from ib_cli.system.torchvision_import import import_torchvision
from tests.datasets.conftest import write_idx
from tests.families import family


@pytest.fixture
def copy(published, tmp_path):
    """Links to the made-up files, to be replaced by damaged ones."""
    shutil.copytree(
        published, tmp_path, dirs_exist_ok=True, copy_function=lambda file, link: Path(link).symlink_to(file)
    )
    return tmp_path


@pytest.fixture
def cut_off(monkeypatch):
    """No network, and no waiting for one."""

    def fail(*_, **__):
        raise URLError("Network is unreachable")

    monkeypatch.setattr("urllib.request.urlopen", fail)


def make(kind, root, options, **changed):
    return kind(**options | {"root": str(root), "download": False} | changed)


def refused(dataset) -> str:
    with pytest.raises(ConfigError) as error:
        dataset.load("cpu")
    message = str(error.value)
    assert "\n" not in message
    return message


def test_mnist_is_read_as_it_lies_on_disk(published, options, cut_off):
    data = make(Mnist, published, options, download=True, normalise="unit").load("cpu")
    assert (data.spec.input_shape, data.spec.levels, data.spec.train_size) == ((1, 28, 28), 256, 60_000)
    raw = published / "MNIST" / "raw"
    images = np.frombuffer((raw / "t10k-images-idx3-ubyte").read_bytes(), np.uint8, offset=16)
    assert np.array_equal(data.splits["test"].x.flatten().numpy(), images)
    labels = np.frombuffer((raw / "train-labels-idx1-ubyte").read_bytes(), np.uint8, offset=8)
    assert np.array_equal(data.splits["train"].y.numpy(), labels)


def test_permuted_mnist_permutes_the_pixels_of_all_images_alike(published, options):
    plain = make(Mnist, published, options).load("cpu").splits
    permuted, again, other = (
        make(PermutedMnist, published, options, seed=seed).load("cpu").splits for seed in (0, 0, 1)
    )
    order = PermutedMnist(**options, root="", download=False).shuffled(784, "pixels")
    assert torch.equal(order.sort().values, torch.arange(784)) and not torch.equal(order, torch.arange(784))
    for name in ("train", "test"):
        assert torch.equal(permuted[name].x.flatten(1), plain[name].x.flatten(1)[:, order])
        assert permuted[name].x.shape == plain[name].x.shape and torch.equal(permuted[name].y, plain[name].y)
    assert torch.equal(permuted["test"].x, again["test"].x) and not torch.equal(permuted["test"].x, other["test"].x)


@pytest.mark.parametrize(
    ("kind", "folder"),
    [
        (Mnist, "MNIST/raw"),
        (FashionMnist, "FashionMNIST/raw"),
        (Cifar10, "cifar-10-batches-py"),
    ],
)
def test_missing_files_are_refused(kind, folder, options, tmp_path, cut_off):
    message = refused(make(kind, tmp_path, options))
    assert message.startswith("dataset.root: ") and "dataset.download=true" in message and folder in message
    message = refused(make(kind, tmp_path, options, download=True))
    assert message.startswith("dataset.download: ") and folder in message and "Network is unreachable" in message
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_what_is_fetched_lands_in_its_folder(published, options, tmp_path, monkeypatch):
    peer = import_torchvision().datasets.MNIST
    monkeypatch.setattr(peer, "download", lambda self: shutil.copytree(published, self.root, dirs_exist_ok=True))
    data = make(Mnist, tmp_path / "new", options, download=True).load("cpu")
    assert data.spec.train_size == 60_000
    assert sorted(path.name for path in (tmp_path / "new" / "MNIST" / "raw").iterdir()) == sorted(Mnist.checksums)


@pytest.mark.parametrize("length", [0, 3, 1000])
@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
def test_a_file_cut_short_is_refused(copy, options, name, length):
    path = copy / "MNIST" / "raw" / name
    start = path.read_bytes()[:length]
    path.unlink()
    path.write_bytes(start)
    message = refused(make(Mnist, copy, options))
    assert message.startswith("dataset.root: ") and "delete them and set dataset.download=true" in message


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("train-labels-idx1-ubyte", np.zeros(59_999, np.uint8)),
        ("train-labels-idx1-ubyte", np.full(60_000, 10, np.uint8)),
        ("t10k-images-idx3-ubyte", np.zeros((10_000, 28, 27), np.uint8)),
    ],
)
def test_files_of_something_else_are_refused(copy, options, name, array):
    path = copy / "MNIST" / "raw" / name
    path.unlink()
    write_idx(path, array)
    assert refused(make(Mnist, copy, options)).startswith("dataset.root: ")


def test_damaged_cifar_is_refused(options, tmp_path):
    home = tmp_path / Cifar10.folder
    home.mkdir()
    for name in Cifar10.checksums:
        (home / name).write_bytes(b"nothing")
    message = refused(make(Cifar10, tmp_path, options))
    assert message.startswith("dataset.root: ") and "delete them" in message


def linked(root: Path, folder: str, real: str) -> Path:
    """A folder of links to the real files of a data set."""
    home = root / folder
    home.mkdir(parents=True)
    for file in (Path(real) / folder).iterdir():
        (home / file.name).symlink_to(file)
    return home


def replaced(file: Path, content: bytes) -> None:
    file.unlink()
    file.write_bytes(content)


@pytest.mark.parametrize(
    ("kind", "name", "damage"),
    [
        (Mnist, "train-images-idx3-ubyte", lambda b: b[:16] + bytes(30_000 * 784) + b[16 + 30_000 * 784 :]),
        (Mnist, "train-labels-idx1-ubyte", lambda b: b[:8] + b[9:] + b[8:9]),
        (FashionMnist, "t10k-labels-idx1-ubyte", lambda b: b[:100] + bytes([b[100] ^ 1]) + b[101:]),
        (PermutedMnist, "t10k-images-idx3-ubyte", lambda b: b[:-1]),
        (Cifar10, "test_batch", lambda b: b[:1_000_000] + bytes([b[1_000_000] ^ 1]) + b[1_000_001:]),
        (Cifar10, "batches.meta", lambda b: b + b"."),
    ],
)
def test_real_files_with_a_change_are_refused_before_a_run_is_found(real_data, options, tmp_path, kind, name, damage):
    file = linked(tmp_path, kind.folder, real_data) / name
    data = make(kind, tmp_path, options)
    assert data.fingerprint() == ""
    replaced(file, damage(file.read_bytes()))
    for ask in (data.fingerprint, lambda: data.load("cpu")):
        with pytest.raises(ConfigError) as error:
            ask()
        message = str(error.value)
        assert message.startswith("dataset.root: ") and f"{name} is damaged or of something else" in message
        assert "delete them and set dataset.download=true" in message and "\n" not in message


def test_mnist_in_the_folder_of_fashion_mnist_is_refused(real_data, options, tmp_path):
    linked(tmp_path, "MNIST/raw", real_data)
    (tmp_path / "FashionMNIST").symlink_to(tmp_path / "MNIST")
    assert "not those of FashionMNIST" in refused(make(FashionMnist, tmp_path, options))


def test_a_file_changed_and_back_in_one_process_is_seen_each_time(copy, options):
    data, file = make(Mnist, copy, options), copy / "MNIST" / "raw" / "t10k-labels-idx1-ubyte"
    genuine = file.read_bytes()
    for _ in range(2):
        assert data.fingerprint() == ""
        replaced(file, genuine[:-1] + bytes([genuine[-1] ^ 1]))
        assert "t10k-labels-idx1-ubyte is damaged" in refused(data)
        replaced(file, genuine)
    assert len(data.load("cpu").splits["test"]) == 10_000


def test_a_folder_processed_is_never_read(copy, options):
    processed = copy / "MNIST" / "processed"
    processed.mkdir()
    zeros = torch.zeros(100, 28, 28, dtype=torch.uint8), torch.zeros(100, dtype=torch.int64)
    for name in ("training.pt", "test.pt"):
        torch.save(zeros, processed / name)
    data = make(Mnist, copy, options).load("cpu")
    assert data.spec.train_size == 60_000 and data.splits["train"].x.any()


def test_what_cannot_be_read_and_what_is_not_there(copy, options, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    data = make(Mnist, copy, options)
    (copy / "MNIST" / "raw" / "t10k-labels-idx1-ubyte").unlink()
    assert data.fingerprint() == ""  # a run that is done can be shown without data
    monkeypatch.setattr("ib_cli.datasets.torchvision_dataset.is_genuine", refuse)
    with pytest.raises(ConfigError, match=r"^dataset\.root: .*cannot be read \(Permission denied\)$"):
        data.fingerprint()


def test_a_damaged_file_is_refused_by_the_command_even_if_its_run_is_done(ib_train, copy):
    words = ("dataset=mnist", f"dataset.root={copy}", "dataset.train_size=50", "dataset.test_size=50", "epochs=1")
    words += ("architecture.widths=[4]", "bottleneck.size=2", "figures=false", "estimators=none", "device=cpu")
    assert ib_train(*words).code == 0
    file = copy / "MNIST" / "raw" / "train-images-idx3-ubyte"
    replaced(file, file.read_bytes()[:-1])
    ended = ib_train(*words)
    assert ended.code == 2 and "train-images-idx3-ubyte is damaged" in ended.err and ended.err.count("\n") == 1


@pytest.fixture
def digits_file(tmp_path, monkeypatch):
    """A copy of scikit-learn's file of digits, in a package that the data set takes for scikit-learn."""
    genuine = Path(find_spec("sklearn").submodule_search_locations[0]) / FILE
    file = tmp_path / "sklearn" / FILE
    file.parent.mkdir(parents=True)
    shutil.copy(genuine, file)
    spec = ModuleSpec("sklearn", None, is_package=True)
    spec.submodule_search_locations.append(str(tmp_path / "sklearn"))
    monkeypatch.setattr("ib_cli.datasets.digits.find_spec", lambda name: spec)
    return file


def test_digits_are_those_that_scikit_learn_loads(digits):
    from sklearn.datasets import load_digits

    found, peer = digits().read(), load_digits()
    splits = torch.cat([found.train.x, found.test.x])[:, 0], torch.cat([found.train.y, found.test.y])
    order = torch.from_numpy(np.random.RandomState(0).permutation(1797))
    order = torch.cat([order[360:], order[:360]])
    assert torch.equal(splits[0], torch.from_numpy(peer.images.astype(np.uint8))[order])
    assert torch.equal(splits[1], torch.from_numpy(peer.target)[order])


def test_other_digits_are_refused(digits, digits_file):
    lines = gzip.decompress(digits_file.read_bytes())
    digits_file.write_bytes(gzip.compress(lines.replace(b",0\n", b",1\n", 1)))
    assert refused(digits()).startswith("dataset=digits: scikit-learn's file is damaged or holds other digits")


@pytest.mark.parametrize("damage", ["missing", "half", "no gzip", "no numbers", "empty"])
def test_a_damaged_file_of_digits_is_refused_in_a_line(digits, digits_file, damage):
    whole = digits_file.read_bytes()
    digits_file.unlink()
    contents = {"half": whole[: len(whole) // 2], "no gzip": b"digits", "empty": gzip.compress(b"")}
    if damage != "missing":
        digits_file.write_bytes(contents.get(damage, gzip.compress(b"one,two\n")))
    told = refused(digits())
    assert told.startswith("dataset=digits: scikit-learn's ") and "install it again" in told and "\n" not in told


def test_digits_without_scikit_learn_are_refused(digits, monkeypatch):
    monkeypatch.setattr("ib_cli.datasets.digits.find_spec", lambda name: None)
    assert "is not installed" in refused(digits())


@pytest.mark.parametrize(
    ("kind", "shape", "mean", "deviation"),
    family(
        [
            (Mnist, (1, 28, 28), [0.1307], [0.3081]),
            (FashionMnist, (1, 28, 28), [0.2860], [0.3530]),
            (Cifar10, (3, 32, 32), [0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]),
        ],
        every=3,
    ),
)
def test_real_data_have_the_published_statistics(real_data, options, kind, shape, mean, deviation):
    data = make(kind, real_data, options, normalise="standard").load("cpu")
    assert data.spec.input_shape == shape and len(data.splits["test"]) == 10_000
    scale, shift = data.affine.scale.flatten(), data.affine.shift.flatten()
    torch.testing.assert_close(-shift / scale / 255, torch.tensor(mean), rtol=0, atol=1e-4)
    torch.testing.assert_close(1 / scale / 255, torch.tensor(deviation), rtol=0, atol=1e-4)


@pytest.mark.parametrize("kind", family([Mnist, Cifar10], every=2))
def test_real_data_equal_what_torchvision_gives(real_data, options, kind):
    vision = import_torchvision()
    peer = getattr(vision.datasets, kind.peer)(real_data, train=False, transform=vision.transforms.ToTensor())
    data = make(kind, real_data, options, normalise="unit").load("cpu")
    batch = data.batch("test", torch.arange(100))
    train = getattr(vision.datasets, kind.peer)(real_data)
    assert data.splits["train"].y.tolist() == torch.as_tensor(train.targets).tolist()
    torch.testing.assert_close(batch.x, torch.stack([peer[i][0] for i in range(100)]), rtol=0, atol=6e-8)
    assert batch.y.tolist() == [peer[i][1] for i in range(100)]
