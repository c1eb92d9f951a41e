"""Command lines for Hypothesis: of the groups, options and keys that there are, and of noise.

The groups, keys and limits are read from conf/ and the classes each time, so that no new one is forgotten.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, fields

from hydra.conf import HydraConf
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ib_cli.config.command_flags import ALONE, LONG, SHORT, WITH_VALUE
from ib_cli.config.known_keys import KnownKeys
from ib_cli.config.multipliers import MULTIPLIERS
from ib_cli.report.main import parser as report_parser
from ib_cli.run.changeable import CHANGEABLE
from ib_cli.run.encode import parser as encode_parser
from ib_cli.run.evaluate import parser as evaluate_parser
from tests.faults.typed_values import NUMBERS, typed_keys

LETTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")  # no command line holds a NUL
# Values that somebody may paste, or type by mistake: each has once broken some program.
NASTY = (
    "", " ", "=", "==", "'", '"', "''", '""', "'a", 'a"b', "`x`", "\\", "\\n", "a\\", "a\nb", "a\tb", "\x1b[2J",
    "\x07", "\u202ea", "\u2028", "é", "名前", "🙂", "γ", "\udcff", "[", "]", "[]", "[[]]", "[,]", "[1,", "1]", "{", "}",
    "{}", "{a", "{a:1}", "{a:{b:[1]}}", "(", ")", "()", "(1)", ",", ",,", "1,", ",1", "1,,2", "a,b,a", "${", "${}",
    "${.}", "${..}", "${gamma}", "${name}", "${nothing}", "${a.b.c}", "${oc.env:HOME}", "${oc.env:NOT_THERE}",
    "${oc.env:NOT_THERE,x}", "${oc.decode:'['}", "${oc.create:{a: 1}}", "${oc.select:gamma}",
    "${oc.dict.keys:dataset}", "${hydra:runtime.cwd}", "${now:%Y}", "${x:1}", "${${name}}", "$HOME", "$(id)", "~",
    "~/x", "~nobody/x", "/", "/dev/null", "..", "../..", "../../evil", "a/b", "-", "--", "-x", "---", "null", "NULL",
    "None", "???", "true", "TRUE", "yes", "off", "nan", "inf", "-inf", "+1", "1.", ".5", "1e", "1e-", "1e400",
    "1e-400", "0x10", "1_000", "1,5", "1/2", "10%", "1e-3..1", "0b1", "9" * 30, "a.b" * 100, "x" * 300, "x" * 5000,
    "[" * 50 + "]" * 50, "{a:" * 50 + "}" * 50, "<script>", "[red]x", "*", "a*b?", "!x", "&a", "*a", "|", "#", "a#b",
    "%s", "{0}", "@", "a@b", "a:b", "a: b", ":", "key=value", "a=b=c", "ns.x",
)  # fmt: skip
SPANS = (
    "1,2", "a,b", "0.1,1", "range(3)", "range(1,3)", "range(0,1,0.5)", "range(3,1)", "range(0,1,0)", "range(x)",
    "range()", "range(1000000000)", "range(0,1e12)", "choice(1,2)", "choice()", "choice(a)", "choice([1],[2])",
    "interval(0,1)", "interval(1)", "glob(*)", "glob(v*)", "glob([a*,v*],exclude=vib)", "glob(x)", "logspace(-4,0,3)",
    "logspace(-4,0)", "logspace(a,b,c)", "logspace(1,2,3,4)", "logspace(0,400,2)", "logspace(1e-4,1,3)",
    "geomspace(0,1,3)", "geomspace(1e-3,1,2)", "linspace(0,1,2)", "linspace(0,1,1e9)", "tag(a,1,2)",
    "tag(log,interval(1e-4,1))", "sort(3,1,2)", "sort(3,1,2,reverse=true)", "shuffle(1,2,3)", "shuffle(range(3))",
    "int(1.5)", "float(x)", "str(1)", "bool(2)", "extend_list(1)", "json_str({a:1})", "nosuch(1)", "range(range(2))",
    "logspace(range(3))", "choice(1,2", "1,range(2)",
)  # fmt: skip
OF_HYDRA = (
    "hydra.mode=MULTIRUN", "hydra.mode=RUN", "hydra.mode=x", "hydra.verbose=true", "hydra.verbose=x",
    "hydra.searchpath=[my_conf]", "hydra.searchpath=[file://my_conf]", "hydra.searchpath=[pkg://nothing]",
    "hydra.searchpath=x", "hydra.run.dir=evil", "hydra.sweep.dir=evil", "hydra.sweep.subdir=..",
    "hydra.output_subdir=x", "hydra.job.chdir=true", "hydra.job.name=x", "hydra.job.env_set.A=b",
    "+hydra.job.env_set.A=b", "hydra.callbacks=null", "~hydra.callbacks.study", "hydra.callbacks.study=null",
    "+hydra.callbacks.x._target_=os.mkdir", "hydra=x", "hydra/job_logging=default", "hydra/job_logging=x",
    "hydra/hydra_logging=none", "hydra/help=x", "hydra/output=x", "hydra/launcher=basic", "hydra/sweeper=basic",
    "hydra.launcher=null", "hydra.sweeper=null", "~hydra.launcher", "hydra.launcher._target_=x",
    "hydra.launcher._target_=os.system", "hydra.sweeper.params.gamma=1,2", "hydra.sweeper.params={gamma: '1,2'}",
    "+hydra.sweeper.params.seed='0,1'", "hydra.sweeper.max_batch_size=0", "+hydra.sweeper.points={a: {gamma: 1}}",
    "hydra.sweeper.points=x", "hydra.help.template=x", "hydra.env=x", "hydra.runtime.cwd=x", "hydra.nothing=x",
)  # fmt: skip
FILES = (
    "my.npz",
    "my_conf",
    "my_study.yaml",
    "broken.yaml",
    "my_code.py",
    "outputs",
    "nothing",
    "nothing.npz",
    "nothing.yaml",
)
RESULTS = ("new.npz", "new.csv", "new.jsonl", "there")  # files and folders that a command may write


@dataclass(frozen=True)
class Command:
    """A program and its words."""

    program: str
    words: tuple[str, ...]


def values() -> SearchStrategy[str]:
    """Any value: what may be pasted, numbers, and texts of any letters."""
    texts = st.text(LETTERS, max_size=12)
    return st.one_of(st.sampled_from(NASTY), st.sampled_from(NUMBERS), st.sampled_from(SPANS), texts)


def choices(groups: Sequence[str] | None = None) -> SearchStrategy[str]:
    """`group=option`, of the option that there is."""
    known = KnownKeys()
    pairs = [f"{group}={option}" for group in groups or known.groups() for option in known.options(group)]
    return st.sampled_from(pairs)


def settings_of_keys() -> SearchStrategy[str]:
    """`key=value` with a value of the key's own type, or next to its limits."""
    keys = typed_keys()
    of_keys = st.sampled_from(list(keys)).flatmap(lambda key: st.sampled_from(keys[key]).map(lambda v: f"{key}={v}"))
    of_multipliers = st.tuples(st.sampled_from(MULTIPLIERS), st.sampled_from([*NUMBERS, "1e-2", "1e-2,0.01", "x"]))
    return st.one_of(of_keys, of_keys, of_multipliers.map("=".join))


@st.composite
def slips(draw: st.DrawFn) -> str:
    """A key or option of another spelling: a letter too few, two exchanged, capitals, a part of it or one too many."""
    word, equals, value = draw(st.one_of(choices(), settings_of_keys())).partition("=")
    place = draw(st.integers(0, len(word) - 1))
    spelled = draw(
        st.sampled_from(
            [
                word[:place] + word[place + 1 :],
                word[:place] + word[place:][1:2] + word[place : place + 1] + word[place + 2 :],
                word.upper(),
                word.rpartition(".")[2],
                f"{word}.x",
                word.replace(".", "/"),
                f"x.{word}",
                f"{word}@{word}",
                f"{word}@_global_",
            ]
        )
    )
    return spelled + equals + value


def of_other_kinds() -> SearchStrategy[str]:
    """A key or a group with any value; additions, removals, and a choice of null or of another group's option."""
    known = KnownKeys()
    of_hydra = [f"hydra.{field.name}" for field in fields(HydraConf)]
    keys = st.sampled_from([*typed_keys(), *known.groups(), *MULTIPLIERS, *of_hydra])
    signs = st.sampled_from(["", "", "+", "++", "~", "+~", "~~"])
    options = st.sampled_from([option for group in known.groups() for option in known.options(group)])
    anything = st.one_of(values(), values(), options, st.sampled_from(FILES))
    with_value = st.tuples(signs, keys, st.just("="), anything).map("".join)
    return st.one_of(with_value, with_value, st.tuples(signs, keys).map("".join))


def flags() -> SearchStrategy[str]:
    """Flags of Hydra and of ib-train, with and without a value, and what are none."""
    alone = st.sampled_from(
        [*ALONE, *WITH_VALUE, *SHORT, "--help", "-m", "--multirun", "--cfg=job", "--info=all", "-c"]
    )
    valued = st.tuples(st.sampled_from([*LONG, "--nothing", "--gamma", "-x"]), values()).map("=".join)
    return st.one_of(alone, alone, valued, st.sampled_from(["job", "hydra", "all", "install=bash", "query=bash", "x"]))


def train_words() -> SearchStrategy[str]:
    """One word for ib-train."""
    places = st.tuples(st.sampled_from(["name=", "output=", "trust=", "sweep=", "dataset.path="]), values()).map(
        "".join
    )
    return st.one_of(
        choices(), choices(["objective", "dataset", "procedure", "bottleneck"]), settings_of_keys(), settings_of_keys(),
        of_other_kinds(), of_other_kinds(), slips(), places, flags(), st.sampled_from(OF_HYDRA), values(),
        st.sampled_from(FILES),
    )  # fmt: skip


@st.composite
def train_commands(draw: st.DrawFn) -> Command:
    """A command line of ib-train: up to six words, some of them twice, as a multirun or not."""
    words = draw(st.lists(train_words(), max_size=6))
    if words and draw(st.integers(0, 9)) == 0:
        words.append(draw(st.sampled_from(words)))
    if draw(st.integers(0, 3)) == 0:
        words = ["-m", *words]
    return Command("ib-train", tuple(words))


@st.composite
def likely_commands(draw: st.DrawFn) -> Command:
    """A command line of ib-train with options and keys that there are, and values of their types."""
    word = st.one_of(choices(), choices(["objective", "dataset", "procedure", "bottleneck"]), settings_of_keys())
    words = draw(st.lists(word, min_size=1, max_size=3))
    return Command("ib-train", (*(["-m"] if draw(st.integers(0, 5)) == 0 else []), *words))


def commands(runs: Sequence[str]) -> SearchStrategy[Command]:
    """A command line of any of the programs. `runs`: folders of finished runs and their studies."""
    of_train = [train_commands()] * 5 + [likely_commands()] * 4
    return st.one_of(*of_train, other_commands(runs))


def _parsers() -> dict[str, argparse.ArgumentParser]:
    return {"ib-report": report_parser(), "ib-encode": encode_parser(), "ib-evaluate": evaluate_parser()}


@st.composite
def other_commands(draw: st.DrawFn, runs: Sequence[str]) -> Command:
    """A command line of ib-report, ib-encode or ib-evaluate. `runs`: folders of finished runs and their studies."""
    parsers = _parsers()
    program = draw(st.sampled_from(sorted(parsers)))
    flagged = [action for action in parsers[program]._actions if action.option_strings]
    texts = st.one_of(values(), st.sampled_from(FILES), st.sampled_from(NUMBERS))
    words: list[str] = []
    for kind in draw(st.lists(st.sampled_from(["run", "run", "flag", "flag", "key", "noise"]), max_size=5)):
        if kind == "run":
            words.append(draw(st.sampled_from(runs)))
        elif kind == "flag":
            action = draw(st.sampled_from(flagged))
            taken = [*map(str, action.choices)] if action.choices else ["1", "3", "seed", "R", "gamma", *RESULTS]
            value = draw(st.one_of(st.sampled_from(taken), texts))
            words.append(action.option_strings[-1])
            words += [value] if draw(st.integers(0, 9)) < 9 and action.nargs != 0 else []
        elif kind == "key":
            of_estimators = [key for key in typed_keys() if key.startswith("estimators.")]
            key = draw(st.sampled_from([*CHANGEABLE[:-2], *of_estimators, "trust", "estimators", "gamma", "name"]))
            taken = [*typed_keys().get(key, ()), *NASTY]
            words.append(f"{key}={draw(st.sampled_from(taken))}")
        else:
            words.append(draw(texts))
    return Command(program, tuple(words))
