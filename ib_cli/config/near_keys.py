"""What a key or an option that there is not was meant to be. For error messages."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ib_cli.config.known_keys import KnownKeys
from ib_cli.config.multipliers import MULTIPLIERS
from ib_cli.config.near_choices import value_of_a_key
from ib_cli.config.near_numbers import meant_number
from ib_cli.config.near_words import near_word, same_word, squashed
from ib_cli.config.spacings import TEXTS
from ib_cli.system.places import is_file

# Groups in the order in which a key, or an option, that several have is most likely meant.
LIKELY = ("objective", "dataset", "optimizer", "architecture", "bottleneck", "procedure", "schedule", "sweep",
          "estimators", "tracker", "marginal", "classifier", "decoder", "weights", "noise")  # fmt: skip

EITHER = (*TEXTS, "device", "precision")  # keys of words that people give numbers: gpu=0, amp=16
WORD = re.compile(r"[A-Za-z][\w-]*")
SWITCHES = ("true", "false", "yes", "no", "on", "off", "none", "null", "never", "all", "full", "auto")
OPTION = re.compile(r"\w[\w-]*")  # the name of an option, which is no pattern of files


@dataclass(frozen=True)
class Meant:
    """A key as it should be, and the option to choose for it, such as `optimizer=sgd`; '' where it is chosen."""

    key: str
    option: str = ""

    def __str__(self) -> str:
        return f"{self.option} {self.key}".strip()


def meant_key(typed: str, known: KnownKeys, value: str = "") -> Meant | None:
    """What a key that there is not was meant to be, at any level; None where nothing is near.

    `value`: what it was to be set to, as `study=information_plane` means another key than `study=mine`.
    """
    found = _meant(typed, known, value)
    return found if found is None or _takes(found, value, known) else None


def _meant(typed: str, known: KnownKeys, value: str) -> Meant | None:
    first, *rest = typed.replace("/", ".").split(".")
    if rest and first == "hydra":
        return _of_hydra(typed, known)
    if rest and (group := _group(first, known)):
        own = group == "tracker" or (rest[-1] in MULTIPLIERS and group != "objective")  # means nothing elsewhere
        elsewhere = None if own else _named(rest[-1], known, value)
        if first == group and elsewhere and (elsewhere.option or not _is_called(elsewhere, rest[-1])):
            elsewhere = None  # whoever names a group means it
        return _within(group, ".".join(rest), known) or elsewhere
    if rest:
        if owner := next((group for group in _in_order(known.groups()) if first in known.options(group)), None):
            return _of_option(owner, first, ".".join(rest), known) or _named(rest[-1], known)
        return _named(rest[-1], known, value)
    return _alone(typed, known, value)


def meant_option(group: str, typed: str, known: KnownKeys) -> tuple[str, str] | None:
    """The group and option that an option that there is not was meant to be; None where nothing is near.

    Or a key of the group and its value: `estimators=kraskov` is `estimators.use=[kraskov]`.
    """
    name = typed.rpartition("/")[2].removesuffix(".yaml")
    if same := same_word(name, known.options(group)):
        return group, same[0]
    if of_a_key := value_of_a_key(group, name, known):
        return of_a_key
    if other := option_alone(name, known):
        return other
    near = near_word(name, known.options(group))
    return (group, near) if near else None


def file_as_data(group: str, value: str) -> list[str]:
    """The overrides of a data set given as a file, as in `dataset=my.npz`; empty for anything else."""
    return ["dataset=npz", f"dataset.path={value}"] if group == "dataset" and value.endswith(".npz") else []


def own_folder(group: str, option: str, known: KnownKeys) -> Path | None:
    """The folder, of those in the working directory, that has an option which the command does not find there."""
    if not OPTION.fullmatch(option) or option in known.options(group):
        return None
    folders = sorted(each for each in Path().iterdir() if is_file(each / group / f"{option}.yaml"))
    return folders[0] if folders else None


def option_alone(typed: str, known: KnownKeys) -> tuple[str, str] | None:
    """The group and option of a word that is an option's name, in whatever letters; None for other words."""
    if typed.casefold() in ("none", "null", "true", "false"):
        return None
    for group in _in_order(known.groups()):
        options = known.options(group)
        if not group.endswith("_options") and (same := [each for each in same_word(typed, options) if each != "none"]):
            return group, same[0]
    return None


def _is_called(meant: Meant, name: str) -> bool:
    """Whether this is the key's own name, written in any way."""
    return squashed(meant.key.rpartition(".")[2]) == squashed(name)


def _group(word: str, known: KnownKeys) -> str | None:
    """The group, with keys of its own, that a word stands for."""
    groups = [group for group in known.groups() if group not in ("sweep", "hydra")]
    if word in groups:
        return word
    same = same_word(word, groups)
    return same[0] if same else near_word(word, [group for group in groups if "/" not in group])


def _within(group: str, key: str, known: KnownKeys) -> Meant | None:
    """The key of a group: of its chosen option, else of another one."""
    option = known.chosen.get(group, "")
    prefix = group.replace("/", ".")
    first, _, inner = key.partition(".")
    if inner and first in known.options(group):
        return _of_option(group, first, inner, known)
    keys = known.keys(group, option)
    if key in keys:
        return Meant(f"{prefix}.{key}")
    deeper = {each.rpartition(".")[2]: each for each in keys}
    if same := same_word(key, keys) or [deeper[each] for each in same_word(key, deeper)]:
        return Meant(f"{prefix}.{same[0]}")
    if inner and f"{(same_word(first, keys) or [''])[0]}.{inner}" in keys:
        return Meant(f"{prefix}.{same_word(first, keys)[0]}.{inner}")
    if group == "objective" and (same := same_word(key, MULTIPLIERS)):
        return Meant(same[0])
    for other in known.options(group):
        if same := same_word(key, known.keys(group, other)):
            return Meant(f"{prefix}.{same[0]}", f"{group}={other}")
    if key.casefold() in ("name", "type", "kind", "target", "_target_", "option"):
        return Meant(group)
    if near := near_word(key, keys):
        return Meant(f"{prefix}.{near}")
    return None


def _of_option(group: str, option: str, key: str, known: KnownKeys) -> Meant | None:
    """`sgd.momentum`, or `optimizer.sgd.momentum`: the key of an option by the option's own name."""
    chosen = "" if known.chosen.get(group) == option and f"{group}={option}" in known.words else f"{group}={option}"
    if group == "objective" and (same := same_word(key, known.multipliers(option))):
        return Meant(same[0], chosen)
    near = near_word(key, known.keys(group, option))
    return Meant(f"{group.replace('/', '.')}.{near}", chosen) if near else None


def _alone(typed: str, known: KnownKeys, value: str) -> Meant | None:
    """A key without its group: exact before alike, the chosen options before others."""
    if (named := _named(typed, known, value)) or typed in MULTIPLIERS:
        return named  # of a multiplier that is not chosen the error line says which objectives have it
    upper, groups, leaves = _places(known, value)
    near = near_word(typed, [*upper, *groups, *MULTIPLIERS, *leaves])
    meant = Meant(leaves.get(near, near)) if near else None
    return meant if meant and _may_be(meant, value, known) else None


def _places(known: KnownKeys, value: str) -> tuple[list[str], list[str], dict[str, str]]:
    """The keys at the top, the groups, and last word → key of those within groups that can have the value."""
    chosen = list(known.chosen_keys())
    groups = [group for group in known.groups() if not group.startswith("hydra") or "/" in group]
    upper = [key for key in chosen if "." not in key]
    inner = (key for key in chosen if "." in key and not key.startswith(("hydra.", "objective.")))
    return upper, groups, _by_leaf(key for key in inner if _takes(Meant(key), value, known))


def _may_be(meant: Meant, value: str, known: KnownKeys) -> bool:
    """Whether a key of which the typed one has only some letters can have the value: a key of numbers has no word."""
    default = known.chosen_keys().get(meant.key, 0.0 if meant.key in MULTIPLIERS else None)
    number = isinstance(default, int | float) and not isinstance(default, bool)
    return not (number and WORD.fullmatch(value) and value.casefold() not in SWITCHES and meant_number(value) is None)


def _named(typed: str, known: KnownKeys, value: str = "") -> Meant | None:
    """The key, in any group, of a name that is written in another way, or is another program's for it."""
    upper, groups, leaves = _places(known, value)
    if value and (named := [group for group in same_word(typed, groups) if value in known.options(group)]):
        return Meant(named[0])
    if typed in ("study", "experiment", "sweeps") and value in known.options("sweep"):
        return Meant("sweep")
    if typed in groups or typed in upper:
        return Meant(typed)
    if typed in leaves:
        return Meant(leaves[typed])
    if typed in MULTIPLIERS:
        return None
    for names in (upper, groups, leaves):
        if same := same_word(typed, names):
            return Meant(leaves[same[0]] if names is leaves else same[0])
    if same := same_word(typed, MULTIPLIERS):
        return Meant(same[0])
    for group in _in_order(groups):
        for option in known.options(group):
            if group not in ("objective", "sweep") and (same := same_word(typed, known.keys(group, option))):
                return Meant(f"{group.replace('/', '.')}.{same[0]}", f"{group}={option}")
    return None


def _takes(meant: Meant, value: str, known: KnownKeys) -> bool:
    """Whether a key can have the value: no key whose default is a word takes a number, but for weights of terms."""
    group, _, option = meant.option.partition("=")
    keys = known.keys(group, option) if group else known.chosen_keys()
    default = keys.get(meant.key.partition(".")[2] if group else meant.key)
    worded = isinstance(default, str) and "$" not in default and meant_number(default) is None
    either = meant.key in EITHER or meant.key.startswith("objective.")
    return not (worded and not either and meant_number(value) is not None)


def _of_hydra(typed: str, known: KnownKeys) -> Meant | None:
    keys = [key for key in known.chosen_keys() if key.startswith("hydra.")]
    for group in ("hydra/launcher", "hydra/sweeper"):
        prefix = group.replace("/", ".")
        if typed == prefix:
            return Meant(group)
        if typed.startswith(f"{prefix}."):
            return _within(group, typed.removeprefix(f"{prefix}."), known)
    near = near_word(typed, keys)
    return Meant(near) if near else None


def _by_leaf(keys: Iterable[str]) -> dict[str, str]:
    """The last word of each key → the key; where several share it, the likeliest."""
    found: dict[str, str] = {}
    for key in sorted(keys, key=lambda key: _rank(key.partition(".")[0])):
        found.setdefault(key.rpartition(".")[2], key)
    return found


def _in_order(groups: Iterable[str]) -> list[str]:
    return sorted(groups, key=_rank)


def _rank(group: str) -> int:
    return LIKELY.index(group) if group in LIKELY else len(LIKELY)
