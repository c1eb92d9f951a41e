"""A study, a config folder or a run from somebody else runs nothing: every form is one line, and leaves no canary."""

from __future__ import annotations

import pickle
import re
import shlex
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest

import ib_cli.main
from ib_cli.config.catalogue import directory
from ib_cli.contracts.errors import ConfigError
from ib_cli.run.library import compose
from ib_cli.run.target import target_of
from ib_cli.run.validation import OF_OBJECTIVE, validate
from tests.conftest import SMALL, Ended
from tests.faults.hostile import CANARY, Canary, write

# Name → files of a stranger's, by path; the command that a person types; what the line says. {canary}: a folder or file
# that the hostile code would make. A study begins with its header.
STUDY = "# @package _global_\nname: evil\nhydra:\n  mode: MULTIRUN\n  sweeper: {params: {seed: '0,1'}}\n"
GROUP = "# @package _global_\nname: evil\nepochs: 1\n"
ONLY = "of Hydra, a file may set hydra.sweeper, hydra.launcher and hydra.mode only"
CLUSTER = "sweep=evil.yaml hydra/launcher=slurm"
SEARCH = "hydra: {sweeper: {sampler: {_target_: os.mkdir, path: '{canary}'}, params: {seed: 'range(2)'}}}\n"
MAKES = "version: 1\nroot: {handlers: [x]}\nhandlers: {x: {(): os.mkdir, path: '{canary}'}}\n"

FORMS: dict[str, tuple[dict[str, str], str, str]] = {
    "pickle as a callback": (
        {"evil.yaml": STUDY + "  callbacks: {x: {_target_: pandas.read_pickle, filepath_or_buffer: evil.pkl}}\n"},
        "sweep=evil.yaml", f"evil.yaml: hydra.callbacks.x._target_: {ONLY}",
    ),
    "arguments of a callback": (
        {"evil.yaml": STUDY + "  callbacks: {x: {_args_: ['{canary}'], _target_: os.mkdir}}\n"},
        "sweep=evil.yaml", f"evil.yaml: hydra.callbacks.x._args_: {ONLY}",
    ),
    "deep in our own callback": (
        {"evil.yaml": STUDY + "  callbacks: {study: {y: [{_partial_: no, _target_: os.mkdir, path: '{canary}'}]}}\n"},
        "sweep=evil.yaml", f"evil.yaml: hydra.callbacks.study.y: {ONLY}",
    ),
    "factory of a log handler": (
        {"evil.yaml": STUDY + "  job_logging: {version: 1, handlers: {x: {(): os.mkdir, path: '{canary}'}}}\n"},
        "sweep=evil.yaml", f"evil.yaml: hydra.job_logging.version: {ONLY}",
    ),
    "file of a log handler": (
        {"evil.yaml": STUDY + "  hydra_logging: {handlers: {x: {class: logging.FileHandler, filename: '{canary}'}}}\n"},
        "sweep=evil.yaml", f"evil.yaml: hydra.hydra_logging.handlers.x.class: {ONLY}",
    ),
    "an option of Hydra's own group": (
        {"conf/hydra/job_logging/evil.yaml": MAKES,
         "evil.yaml": "defaults:\n  - override /hydra/job_logging: evil\n  - _self_\n" + GROUP},
        "--config-dir conf sweep=evil.yaml", f"conf/hydra/job_logging/evil.yaml: hydra.job_logging.version: {ONLY}",
    ),
    "a header that places a file within Hydra": (
        {"conf/dataset/evil.yaml": "# @package hydra.callbacks.x\n_target_: os.mkdir\npath: '{canary}'\n"},
        "--config-dir conf dataset=evil", "conf/dataset/evil.yaml: hydra.callbacks.x._target_",
    ),
    "a defaults list that places a file within Hydra": (
        {"conf/mine/evil.yaml": "_target_: os.mkdir\npath: '{canary}'\n",
         "evil.yaml": "defaults:\n  - /mine@hydra.callbacks.x: evil\n  - _self_\n" + GROUP},
        "--config-dir conf sweep=evil.yaml", "conf/mine/evil.yaml: hydra.callbacks.x._target_",
    ),
    "our own file, placed within Hydra": (
        {"evil.yaml": "defaults:\n  - /dataset@hydra.callbacks.x: digits\n  - _self_\n" + GROUP},
        "sweep=evil.yaml", "hydra.callbacks.x._target_=ib_cli.datasets.digits.Digits: Hydra would run it at once",
    ),
    "a file outside every folder": (
        {"conf/mine/good.yaml": "defaults:\n  - /../beside@_global_: evil\n",
         "beside/evil.yaml": "hydra: {callbacks: {x: {_target_: os.mkdir, path: '{canary}'}}}\n"},
        "--config-dir conf +mine=good", "beside/evil.yaml: hydra.callbacks.x._target_",
    ),
    "a sampler": ({"evil.yaml": SEARCH}, "-m sweep=evil.yaml hydra/sweeper=optuna",
                  "hydra.sweeper.sampler._target_=os.mkdir: is no sampler"),
    "a sampler within a sampler": (
        {"evil.yaml": "hydra: {sweeper: {sampler: {_target_: optuna.samplers.PartialFixedSampler, "
                      "base_sampler: {_target_: os.mkdir, path: '{canary}'}}, params: {seed: 'range(2)'}}}\n"},
        "-m sweep=evil.yaml hydra/sweeper=optuna", "sampler.base_sampler._target_=os.mkdir: is no sampler",
    ),
    "a value to sweep over": (
        {"evil.yaml": "hydra: {mode: MULTIRUN, sweeper: {params: {seed: {_target_: os.mkdir, path: '{canary}'}}}}\n"},
        "sweep=evil.yaml", "hydra.sweeper.params.seed._target_=os.mkdir: Hydra would run it at once",
    ),
    "a key to sweep over": (
        {"evil.yaml": "hydra: {mode: MULTIRUN, sweeper: {params: {'+hydra.callbacks.x._target_': 'a.b,c.d'}}}\n"},
        "sweep=evil.yaml", "hydra.sweeper.params: '+hydra.callbacks.x._target_' is no key of a run",
    ),
    "a package in a key to sweep over": (
        {"evil.yaml": "hydra: {mode: MULTIRUN, sweeper: {params: {'+mine@hydra.callbacks.x': 'a,b'}}}\n"},
        "sweep=evil.yaml", "hydra.sweeper.params: '+mine@hydra.callbacks.x' is no key of a run",
    ),
    "trust in a point": (
        {"evil.yaml": "hydra: {mode: MULTIRUN, sweeper: {points: {a: {trust: '[evil_code]'}}}}\n"},
        "sweep=evil.yaml", "hydra.sweeper.points.a: 'trust' is no key of a run",
    ),
    "classes to sweep over": (
        {"evil.yaml": "hydra: {mode: MULTIRUN, sweeper: {params: {schedule._target_: 'evil_code.A,evil_code.B'}}}\n"},
        "sweep=evil.yaml", "schedule._target_=evil_code.A: runs code of evil_code; if you trust that package",
    ),
    "trust in a study": (
        {"evil.yaml": STUDY + "trust: [evil_code]\narchitecture: {_target_: evil_code.Net}\n"},
        "sweep=evil.yaml", "evil.yaml: trust: no file may say whom you trust",
    ),
    "trust in an option": (
        {"conf/architecture/evil.yaml": "# @package _global_\ntrust: [evil_code]\n"},
        "--config-dir conf architecture=evil", "evil.yaml: trust: no file may say whom you trust",
    ),
    "a launcher": (
        {"evil.yaml": STUDY + "  launcher: {_target_: os.mkdir}\n"},
        "sweep=evil.yaml", "hydra.launcher._target_=os.mkdir: is no launcher or sweeper",
    ),
    "shell lines of a launcher": (
        {"evil.yaml": STUDY + "  launcher: {setup_lines: ['mkdir {canary}']}\n"},
        CLUSTER, "hydra.launcher.setup_lines: no file may set it: leave it out, or type it on the command line",
    ),
    "options of a launcher": (
        {"evil.yaml": STUDY + "  launcher: {additional_parameters: {comment: \"x\\nmkdir {canary}\"}}\n"},
        CLUSTER, "hydra.launcher.additional_parameters: no file may set it",
    ),
    "answers of a launcher": (
        {"evil.yaml": STUDY + "  launcher: {folder: evil/%j}\n"}, CLUSTER, "hydra.launcher.folder: no file may set it",
    ),
    "the machine of a launcher": (
        {"evil.yaml": STUDY + "  launcher: {address: 'ray://evil:10001'}\n"},
        "sweep=evil.yaml hydra/launcher=ray", "hydra.launcher.address: no file may set it",
    ),
    "a package to search for configs": (
        {"conf/config.yaml": "hydra: {searchpath: ['pkg://evil_code']}\n"},
        "--config-path {here}/conf", f"config.yaml: hydra.searchpath: {ONLY}",
    ),
    "the environment": (
        {"evil.yaml": STUDY + "  job: {env_set: {PATH: evil}}\n"}, "sweep=evil.yaml", f"hydra.job.env_set.PATH: {ONLY}",
    ),
    "another folder": (
        {"evil.yaml": STUDY + "  sweep: {dir: '{canary}'}\n"}, "sweep=evil.yaml", f"hydra.sweep.dir: {ONLY}",
    ),
    "Hydra as a whole, from elsewhere": (
        {"evil.yaml": "x: {callbacks: {a: {_target_: os.mkdir, path: '{canary}'}}}\nhydra: ${x}\n"},
        "sweep=evil.yaml", f"evil.yaml: hydra: {ONLY}",
    ),
    "torch.load": ({"evil.yaml": GROUP + "dataset: {_target_: torch.load, f: evil.pkl}\n"}, "sweep=evil.yaml",
                   "dataset._target_=torch.load: runs code of torch; if you trust that package, add trust=torch"),
    "joblib.load": ({"evil.yaml": GROUP + "weights: {_target_: joblib.load, filename: evil.pkl}\n"}, "sweep=evil.yaml",
                    "weights._target_=joblib.load: runs code of joblib"),
    "numpy.load": ({"evil.yaml": GROUP + "schedule: {_target_: numpy.load, file: evil.pkl, allow_pickle: true}\n"},
                   "sweep=evil.yaml", "schedule._target_=numpy.load: runs code of numpy"),
    "a module beside it": ({"evil.yaml": GROUP + "architecture: {_target_: evil_code.Net}\n"}, "sweep=evil.yaml",
                           "architecture._target_=evil_code.Net: runs code of evil_code"),
    "a module without a dot": ({"evil.yaml": GROUP + "architecture: {_target_: evil_code}\n"}, "sweep=evil.yaml",
                               "architecture._target_=evil_code: runs code of evil_code"),
    "Python's own": ({"evil.yaml": GROUP + "tracker: {_target_: os.mkdir, path: '{canary}'}\n"}, "sweep=evil.yaml",
                     "tracker._target_=os.mkdir: is no part of a model"),
    "through our own modules": (
        {"evil.yaml": GROUP + "architecture: {_target_: ib_cli.main.os.mkdir}\n"}, "sweep=evil.yaml",
        "architecture._target_=ib_cli.main.os.mkdir: is defined in posix: is no part of a model",
    ),
    "a function of ours that is no part": (
        {"evil.yaml": GROUP + "weights: {_target_: ib_cli.system.atomic.write_atomically}\n"}, "sweep=evil.yaml",
        "weights._target_=ib_cli.system.atomic.write_atomically: makes no weights",
    ),
    "a class of ours that is another part": (
        {"evil.yaml": GROUP + "schedule: {_target_: ib_cli.experiment.records.Records}\n"}, "sweep=evil.yaml",
        "schedule._target_=ib_cli.experiment.records.Records: is no option of schedule",
    ),
    "within a part of ours": (
        {"evil.yaml": GROUP + "architecture: {widths: [{_target_: os.mkdir, path: '{canary}'}]}\n"}, "sweep=evil.yaml",
        "architecture.widths.0._target_=os.mkdir: is no part of a model",
    ),
    "a tracker beside others": (
        {"evil.yaml": GROUP + "tracker: {mine: {_target_: evil_code.Tracker}}\n"}, "sweep=evil.yaml",
        "tracker.mine._target_=evil_code.Tracker: runs code of evil_code",
    ),
    "an interpolation": (
        {"evil.yaml": GROUP + "schedule: {_target_: \"${oc.decode:evil_code.Net}\"}\n"}, "sweep=evil.yaml",
        "schedule._target_=evil_code.Net: runs code of evil_code",
    ),
    "a mapping made by an interpolation": (
        {"evil.yaml": GROUP + "schedule: \"${oc.create:{_target_:os.mkdir}}\"\n"}, "sweep=evil.yaml",
        "schedule._target_=os.mkdir: is no part of a model",
    ),
    "values without end": (
        {"evil.yaml": GROUP + "schedule: {a: \"${oc.create:${schedule}}\"}\n"}, "sweep=evil.yaml", "schedule",
    ),
    "a functional": (
        {"evil.yaml": GROUP + "objective: {functionals: {Q: evil_code.q}}\n"}, "sweep=evil.yaml",
        "objective.functionals.Q=evil_code.q: runs code of evil_code",
    ),
    "a pickled command": ({}, "--experimental-rerun evil.pkl", "--experimental-rerun: this flag of Hydra reads a pi"),
    "a pickled command, in one word": ({}, "--experimental-rerun=evil.pkl", "reads a pickle, which may run anything"),
    "a class on the command line": (
        {}, "+hydra.callbacks.x._target_=os.mkdir +hydra.callbacks.x.path={canary}",
        "hydra.callbacks.x._target_=os.mkdir: Hydra would run it at once",
    ),
    "a log handler on the command line": (
        {}, "hydra/job_logging=default hydra.job_logging.handlers.file.class=os.mkdir",
        "hydra.job_logging.handlers.file.class=os.mkdir: is no plain log handler",
    ),
}  # fmt: skip


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Canary:
    """A folder with code and a pickle that make the canary when they run; the code is importable."""
    canary = write(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(ib_cli.main, "choices", lambda group: [])  # none of our own studies, which take time to read
    yield canary
    sys.modules.pop("evil_code", None)


# One of each kind; the others are marked slow.
QUICK = (
    "pickle as a callback", "factory of a log handler", "a header that places a file within Hydra",
    "our own file, placed within Hydra", "a sampler within a sampler", "a key to sweep over", "classes to sweep over",
    "trust in a study", "a launcher", "shell lines of a launcher", "a package to search for configs", "torch.load",
    "a module beside it", "through our own modules", "an interpolation", "a functional", "a pickled command",
    "a class on the command line",
)  # fmt: skip


@pytest.mark.parametrize(
    "form", [pytest.param(form, marks=() if form in QUICK else pytest.mark.slow) for form in FORMS]
)
def test_it_runs_nothing(ib_train: Callable[..., Ended], stranger: Canary, tmp_path: Path, form: str) -> None:
    files, command, told = FORMS[form]
    for name, content in files.items():
        stranger.add(name, content)
    words = command.replace(CANARY, str(stranger.file)).replace("{here}", str(tmp_path))
    ended = ib_train(*shlex.split(words))
    assert not stranger.file.exists() and "evil_code" not in sys.modules
    assert ended.code == 2 and len(ended.err.splitlines()) == 1 and told in ended.err, ended.err
    assert not list(tmp_path.glob("outputs/*/*/config.yaml"))


def test_the_battery_has_teeth(
    ib_train: Callable[..., Ended], stranger: Canary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the guard the first form does make the canary."""
    monkeypatch.setattr(ib_cli.main, "guarded_hydra", lambda trust: nullcontext())
    stranger.add("evil.yaml", FORMS["pickle as a callback"][0]["evil.yaml"])
    assert ib_train("sweep=evil.yaml", "seed=-1").code == 2  # none of its runs is right, but the callback is made
    assert stranger.file.exists()


def test_refused_before_a_folder_is_made(ib_train: Callable[..., Ended], stranger: Canary) -> None:
    for form in ("classes to sweep over", "through our own modules"):
        files, command, _ = FORMS[form]
        stranger.add("evil.yaml", files["evil.yaml"])
        assert ib_train(*shlex.split(command)).code == 2
    assert {file.name for file in Path().iterdir()} <= {"evil.yaml", "evil.pkl", "evil_code.py", "outputs"}
    assert not list(Path().glob("outputs/*/[0-9a-f]*"))


def test_trust_is_one_word_on_the_command_line_and_in_no_record(
    ib_train: Callable[..., Ended], stranger: Canary
) -> None:
    stranger.add("conf/architecture/net.yaml", "_target_: evil_code.Net\n")
    words = [
        "--config-dir",
        "conf",
        "architecture=net",
        *(word for word in SMALL if "architecture" not in word),
        "epochs=1",
    ]
    refused = ib_train(*words)
    assert refused.code == 2 and "add trust=evil_code" in refused.err and not stranger.file.exists()
    for word in ("trust=evil_code", "trust=[evil_code]", "trust=other,evil_code"):
        ended = ib_train(*words, word)
        assert ended.code == 0, ended.err
    assert stranger.file.exists()
    (folder,) = Path("outputs/runs").iterdir()  # one run: trust is no part of its id
    assert "trust" not in (folder / "config.yaml").read_text()


@pytest.mark.parametrize("word", ["trust=1", "trust=[a b]", "trust=[../x]", "trust={a: b}", "trust=[[a]]"])
def test_trust_must_name_packages(ib_train: Callable[..., Ended], word: str) -> None:
    ended = ib_train(word)
    assert ended.code == 2 and ended.err.startswith("ib-train: trust=") and "must name packages" in ended.err, ended.err


@pytest.mark.parametrize(
    "group, path, told",
    [
        ("dataset", "torch.optim.Adam", "is no class for dataset, which must be or have load and fingerprint"),
        ("architecture", "torch.utils.data.Dataset", "is no class for architecture, which must be or have Module"),
        ("dataset", "torch.load", "no such key; there are weights_only, mmap"),  # a function may make a part
        ("dataset", "evil_code.os.mkdir", "is defined in posix"),
        ("dataset", "os.mkdir", "is no part of a model"),
        ("weights", "builtins.exec", "is no part of a model"),
        ("tracker", "subprocess.Popen", "is no part of a model"),
    ],
)
def test_trust_makes_no_other_kind_of_code_a_part(stranger: Canary, group: str, path: str, told: str) -> None:
    trust = ["torch", "evil_code", "os", "builtins", "subprocess", "posix"]
    with pytest.raises(ConfigError, match=told):
        target_of(group, {"_target_": path, "path": "evil.pkl"}, trust=trust)


def test_the_library_asks_the_same(stranger: Canary, tmp_path: Path) -> None:
    stranger.add("conf/architecture/net.yaml", "_target_: evil_code.Net\n")
    with pytest.raises(ConfigError, match=r"add trust=evil_code"):
        compose(["architecture=net"], config_dir=tmp_path / "conf")
    config = compose(["architecture=net", "trust=evil_code"], config_dir=tmp_path / "conf")
    assert config["trust"] == ["evil_code"]
    with pytest.raises(ConfigError, match=r"add trust=evil_code"):
        validate({**config, "trust": []})
    assert not stranger.file.exists()
    validate(config)
    assert stranger.file.exists()


def test_a_copy_of_our_own_config_is_no_strangers(ib_train: Callable[..., Ended], tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    for file in directory("conf").iterdir():
        (own / file.name).symlink_to(file)
    (own / "config.yaml").unlink()
    text = (directory("conf") / "config.yaml").read_text()
    (own / "config.yaml").write_text(text.replace("epochs: 40", "epochs: 3"))
    ended = ib_train("--config-path", str(own), "--cfg", "job")
    assert ended.code == 0 and "epochs: 3" in ended.out, ended.err


@pytest.mark.parametrize(
    "word, told",
    [
        ("+objective.minimize.R=1", "objective.minimize: no such key; did you mean objective.minimise?"),
        ("+objective.functional={}", "objective.functional: no such key; did you mean objective.functionals?"),
        ("+objective.run=1", "objective.run: no such key; there are name, minimise, functionals"),
        ("~objective.name", "objective.name: an objective needs a name"),
    ],
)
def test_unknown_keys_of_an_objective_are_refused(ib_train: Callable[..., Ended], word: str, told: str) -> None:
    ended = ib_train(word)
    assert ended.code == 2 and told in ended.err and len(ended.err.splitlines()) == 1, ended.err


def test_the_keys_of_an_objective_are_those_that_some_yaml_reads() -> None:
    texts = [file.read_text() for file in directory("conf").rglob("*.yaml")]
    read = {key for text in texts for key in re.findall(r"\$\{(?:oc\.select:)?objective\.(\w+)", text)}
    assert read <= set(OF_OBJECTIVE) and set(OF_OBJECTIVE) - read <= {"name", "minimise", "functionals"}


def test_no_code_of_ours_unpickles_or_evaluates_what_it_was_given() -> None:
    """The few places that do are listed: they read what our own processes sent, or bytes that were checked."""
    words = "pickle.loads?\\(|Unpickler|joblib|\\beval\\(|\\bexec\\(|read_pickle|allow_pickle=True|weights_only=False"
    risky = re.compile(f"{words}|__import__")
    allowed = {
        "config/hydra_parser.py": 1,  # Hydra's own source, from its own file
        "config/near_words.py": 1,  # a word that a person may type
        "config/trust.py": 1,  # the name of a launcher
        "datasets/plain_pickle.py": 1,  # of arrays alone
        "_job.py": 1, "_worker.py": 2,  # between the processes of one command
    }  # fmt: skip
    found: dict[str, int] = {}
    root = Path(ib_cli.__file__).parent
    for file in [*root.rglob("*.py"), *(root.parent / "hydra_plugins").rglob("*.py")]:
        text = re.sub(r'""".*?"""', "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
        hits = [line for line in text.splitlines() if risky.search(line.partition("  #")[0]) and ".eval()" not in line]
        name = file.relative_to(root).as_posix() if file.is_relative_to(root) else file.name
        if hits:
            found[name] = len(hits)
    assert found == allowed


def test_a_pickle_runs_what_it_holds(stranger: Canary) -> None:
    """The canary of the files below does sing."""
    pickle.loads(stranger.pickled())
    assert stranger.file.exists()
