"""The words of a command as the shell and Hydra want them: what a person typed in another grammar, put right.

For error messages: none of this is looked at while a command is right.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from ib_cli.config.command_flags import Words, is_flag, marked, split
from ib_cli.config.known_keys import KnownKeys
from ib_cli.config.multipliers import MULTIPLIERS
from ib_cli.config.near_flags import GRANTED, OTHER_FLAGS, flagged
from ib_cli.config.near_keys import meant_key, option_alone
from ib_cli.config.near_words import GREEK, near_word, squashed
from ib_cli.config.several_values import SWEEPS, is_sweep, multirun, one_run, outside, spelled
from ib_cli.config.unreadable_files import config_folders
from ib_cli.system.places import is_file, is_folder

KEY = r"[+~]{0,2}[A-Za-z_][\w./@-]*"
OPEN, CLOSE = "[({", "])}"
PROGRAM = ("$", ">", "%", "ib-train", "ib_train", "train", "run", "ib_cli", "set", "python", "python3", "sudo", "time")
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.IGNORECASE)
PLAIN = str.maketrans({"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "＝": "=", "−": "-", "–": "-", "—": "-",
                       "，": ",", "\u00a0": " ", "\u200b": None})  # fmt: skip


@dataclass(frozen=True)
class Tidied:
    """Words put right, the program that they are for, and why; `told` is empty where nothing was wrong."""

    words: list[str]
    program: str = "ib-train"
    told: str = ""


def tidied(words: Sequence[str], known: KnownKeys) -> Tidied:
    """The command in the grammar of ib-train."""
    if words and words[0].casefold() in ("report", "ib-report", "ib_report"):
        return Tidied(list(words[1:]), "ib-report", f"{words[0]}: is a program of its own")
    if len(words) == 1 and words[0] and is_folder(words[0]):
        return Tidied(list(words), "ib-report", f"{words[0]}: is a folder, which ib-report reads")
    steps: tuple[tuple[Callable[[Words, KnownKeys], Words], str], ...] = (
        (_plain, "quotes, dashes and = must be plain ones, and letters of keys Latin"),
        (_once, "stands before the command, not in it"),
        (_granted, "is not needed: the same command again goes on with what was interrupted"),
        (_closed, "a list or a call is one word, with commas and without spaces"),
        (_equal, "an override is KEY=VALUE, with = and without spaces"),
        (_separate, "words are separated by spaces, and values by single commas"),
        (flagged, _why_flag(words)),
        (_keyed, "an override is KEY=VALUE"),
        (spelled, _why_values(words)),
        (one_run, "--cfg shows the config of one run, without -m"),
        (multirun, "several values need a multirun, which has the flag -m; a list is written KEY=[a,b]"),
        (_flags_first, "flags come first"),
    )
    found, told = [word for word in words if word], "" if all(words) else "'': is no word"
    for step, reason in steps:
        new = [word for word in step(found, known) if word]  # one of spaces, which a step has taken away, is none
        if new != found:
            told = told or f"{_first_changed(found, new)}: {reason}"
            known = KnownKeys(config_folders(new), new)
        found = new
    return Tidied(found, told=told)


def _why_flag(words: Sequence[str]) -> str:
    """What is wrong with a flag: its dashes, or that ib-train has another one for it."""
    if any(OTHER_FLAGS.get(word.partition("=")[0]) == "--cfg" for word in words):
        return "--cfg job shows a run's config and starts nothing, with --resolve all references resolved"
    return "flags have dashes, keys have none: KEY=VALUE"


def _why_values(words: Sequence[str]) -> str:
    """What is wrong with values: how they are written, or that a spacing has the other one's ends."""
    if any(re.search(r"=geomspace\(\s*(0|[^,]*,\s*0\s*,)", word) for word in words):
        return "geomspace(a,b,n) takes ends above 0, and linspace(a,b,n) any"
    if any(re.search(r"=(logspace|geomspace)\(", word) for word in words):
        return "logspace(a,b,n) takes exponents of 10, as in logspace(-4,0,9), and geomspace(a,b,n) the ends themselves"
    return "several values are a,b or range(n) or logspace(a,b,n), a list is [a,b], and one value stands alone"


def _first_changed(before: Words, after: Words) -> str:
    """The first word that a step changed; where it only moved or added some, the word that made it do so."""
    if changed := [word for word in before if word not in after]:
        return changed[0]
    moved = [word for place, word in enumerate(before) if is_flag(word) and place and not is_flag(before[place - 1])]
    sweeps = list(filter(is_sweep, before))
    told = [*moved, *sweeps] if len(before) == len(after) else [*sweeps, *moved]
    return told[0] if told else before[-1]


def _plain(words: Words, known: KnownKeys) -> Words:
    return plain(words)


def plain(words: Sequence[str]) -> Words:
    """The words with the quotes, dashes and letters of a keyboard, without quotes around a whole word."""
    found = []
    for word in words:
        dashes = re.match(r"[-–—−]*", word)
        long = dashes is not None and any(dash in dashes[0] for dash in "–—−")
        word = word.translate(PLAIN).strip()
        if long and (flag := word.lstrip("-")):
            word = ("-" if len(flag) == 1 else "--") + flag
        if len(word) > 1 and word[0] == word[-1] and word[0] in "\"'`" and "=" in word:
            word = word[1:-1]
        key, equals, value = word.partition("=")
        if equals and '"' in value and (value.count('"') % 2 or value[0] + value[-1] == '""'):
            value = value.strip('"')
        found.append("".join(GREEK.get(letter, letter) for letter in key) + equals + value)
    return found


def _once(words: Words, known: KnownKeys) -> Words:
    """Without the program's own name, a prompt, and a verb that other programs have."""
    found = list(words)
    while found and (found[0].casefold() in PROGRAM or found[0].endswith(".py")):
        found = found[2:] if found[1:3] == ["-m", "ib_cli"] else found[1:]
    return found


def _granted(words: Words, known: KnownKeys) -> Words:
    """Without wishes that are granted anyway."""
    return [word for word in words if squashed(word.partition("=")[0]) not in GRANTED]


def _closed(words: Words, known: KnownKeys) -> Words:
    """Words joined until their brackets close; what is never closed is closed at the end."""
    found: Words = []
    for word in words:
        if found and _depth(found[-1]) > 0 and not re.match(rf"{KEY}=", word) and not is_flag(word):
            found[-1] += word if found[-1][-1] in ",[({" or word[0] in ",])}" else f",{word}"
        else:
            found.append(word)
    return [_listed(_ended(word)) for word in found]


def _depth(word: str) -> int:
    return sum(word.count(each) for each in OPEN) - sum(word.count(each) for each in CLOSE)


def _ended(word: str) -> str:
    if "=" not in word or _depth(word) == 0:
        return word
    if _depth(word) < 0:
        return word.rstrip(CLOSE) if not any(each in word for each in OPEN) else word
    waiting: list[str] = []
    for letter in word:
        if letter in OPEN:
            waiting.append(CLOSE[OPEN.index(letter)])
        elif waiting and letter == waiting[-1]:
            waiting.pop()
    return word.rstrip(",") + "".join(reversed(waiting))


def _listed(word: str) -> str:
    """A list with square brackets, commas and no spaces: `a=(1, 2)` and `a=[1 2]` are `a=[1,2]`."""
    key, _, value = word.partition("=")
    if value.startswith("(") and value.endswith(")"):
        value = f"[{value[1:-1]}]"
    if value.startswith("[") and value.endswith("]") and not set(value) & set("'\"{$"):
        inner = value[1:-1]
        if re.search(r"[^,\s]\s+[^,\s]|,\s*,|^\s*,|,\s*$", inner):
            inner = re.sub(r"\s*,[\s,]*|\s+", ",", inner.strip()).strip(",")
        return f"{key}=[{inner}]"
    return word


def _equal(words: Words, known: KnownKeys) -> Words:
    """One `=` between key and value, in one word."""
    found: Words = []
    for word in words:
        before = found[-1] if found else ""
        if word in ("=", ":", "==", ":=", "->", "=>", "is", "equals", "to") and re.fullmatch(KEY, before):
            found[-1] += "="
        elif re.match(r"[=:](?!=).", word) and re.fullmatch(KEY, before):
            found[-1] += f"={word[1:]}"
        elif before.endswith("=") and "=" not in word and not (is_flag(word) and not NUMBER.fullmatch(word)):
            found[-1] += word
        else:
            found.append(_assigned(word, known))
    return found


def _assigned(word: str, known: KnownKeys) -> str:
    """A word with `=` for `==`, `:`, `:=`, `=>` or ` = ` between key and value."""
    if match := re.fullmatch(rf"({KEY}?)\s*(?:={{2,}}|:=|=:|=>|->|=)\s*(.*)", word):
        return f"{match[1]}={match[2]}"
    if (match := re.fullmatch(rf"({KEY}?)\s*:(?!//)\s*(.*)", word)) and _is_key(match[1], known):
        return f"{match[1]}={match[2]}"
    return word


def _is_key(word: str, known: KnownKeys) -> bool:
    """Whether a word is a key, or one in other letters."""
    if word in known.chosen_keys() or word in known.groups() or word in MULTIPLIERS:
        return True
    meant = meant_key(word, known)
    return meant is not None and squashed(meant.key.rpartition(".")[2]) == squashed(re.split(r"[./]", word)[-1])


def _separate(words: Words, known: KnownKeys) -> Words:
    """Overrides in words of their own; values of one key in one word."""
    found: Words = []
    for word in words:
        for part in _parted(word):
            before = found[-1] if found else ""
            if "=" in before and before[-1] in ",;" and "=" not in part and not is_flag(part):
                found[-1] = before[:-1] + "," + part.lstrip(",")
            elif "=" in before and part.startswith((",", ";")) and "=" not in part:
                found[-1] += "," + part.lstrip(",; ") if part.strip(",; ") else ""
            else:
                if before and "=" in before:
                    found[-1] = before.rstrip(",;")
                found.append(part)
    if found and "=" in found[-1]:
        found[-1] = found[-1].rstrip(",;")
    spaced = (re.sub(r",[\s,]*,", ",", word) if "=" in word and "'" not in word else word for word in found)
    return [word.replace("=,", "=") for word in spaced if word not in (",", ";", "&&", "and", "with")]


def _parted(word: str) -> Words:
    """The overrides in a word: two in `gamma=1,epochs=2`."""
    if not re.match(rf"{KEY}=", word):
        return [word]
    found: Words = []
    for part in outside(word, ",;"):
        if re.match(rf"\s*{KEY}=", part) or not found:
            found.append(part.strip())
        else:
            found[-1] += f",{part}"
    return found if len(found) > 1 else [word]


def _keyed(words: Words, known: KnownKeys) -> Words:
    """Every bare word with its key: `objective vib`, `vib`, `my.npz`, a further value, a part of a name."""
    found: Words = []
    rest = marked(words)
    while rest:
        (word, flag), *rest = rest
        before = found[-1] if found else ""
        following = rest[0][0] if rest and not rest[0][1] and "=" not in rest[0][0] else None
        if flag or "=" in word or word.startswith("~"):
            found.append(word)
        elif word.casefold() in ("help", "version"):
            return [f"--{word.casefold()}"]
        elif word == "m":
            found.append("-m")
        elif NUMBER.fullmatch(word) and before.partition("=")[2].rstrip("(") in SWEEPS:
            numbers = list(takewhile(NUMBER.fullmatch, (each for each, _ in rest)))
            found[-1] = f"{before.rstrip('(')}({','.join([word, *numbers])})"
            rest = rest[len(numbers) :]
        elif NUMBER.fullmatch(word) and re.fullmatch(rf"{KEY}={NUMBER.pattern}(,{NUMBER.pattern})*", before):
            found[-1] += f",{word}"
        elif following is not None and _is_key(word, known):
            found.append(f"{word}={following}")
            rest = rest[1:]
        elif rest and f"{word}.{rest[0][0].partition('=')[0]}" in known.chosen_keys():  # bottleneck size=8
            found.append(f"{word}.{rest[0][0]}")
            rest = rest[1:]
        elif named := _named(word, known):
            found += named
        elif before.startswith("name="):
            found[-1] += f" {word}"
        else:
            found.append(word)
    return found


def _named(word: str, known: KnownKeys) -> Words:
    """The overrides that a word without a key stands for; empty where it is unknown."""
    if option := option_alone(word, known):
        return ["=".join(option)]
    if word.endswith(".npz"):
        return ["dataset=npz", f"dataset.path={word}"]
    if word.endswith((".yaml", ".yml")) and is_file(word):
        return [f"sweep={word}"]
    for group in ("objective", "dataset", "architecture", "sweep"):
        if near := near_word(word, known.options(group)):
            return [f"{group}={near}"]
    return []


def _flags_first(words: Words, known: KnownKeys) -> Words:
    flags, rest = split(words)
    return [*flags, *rest]
