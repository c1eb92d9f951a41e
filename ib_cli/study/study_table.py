"""The jobs of a study as a table that fits a screen: a column for each key that differs, then status and measures."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from ib_cli.config.spacings import TEXTS, alike
from ib_cli.study.job_outcomes import Outcome
from ib_cli.system.plain_text import printable
from ib_cli.watch.screen import number, readable

STYLES = {
    "done": "green",
    "skipped": "dim",
    "running": "cyan",
    "stopped": "yellow",
    "waiting": "dim",
    "busy": "yellow",
    "failed": "bold red",
    "wrong": "bold red",
}
ID = 10  # letters of a run's id
LEAST_TEXT = 16  # columns of an error, or of how far a run is
LEAST_VALUE, READABLE = 4, 12
NUMBER = re.compile(r"[+-]?(\d[\d_]*\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
BORDER = 3  # columns between the contents of two cells
MOST_SAME = 5  # lines of jobs whose run another job has
MOST_FOLDERS = 3  # named in a line


@dataclass(frozen=True)
class Columns:
    """What fits: keys with the columns of their values, whether there is room for ids, and what is left for texts."""

    keys: Mapping[str, int]
    ids: bool
    text: int


def live_table(
    shown: Sequence[Outcome], every: Sequence[Outcome], texts: Sequence[str], width: int, encoding: str
) -> Table:
    """A row per shown job: what differs between all jobs, its status, and its text, which is cut first."""
    status = max((len(outcome.status) for outcome in shown), default=0)
    lengths = [cell_len(text) for outcome, text in zip(shown, texts) if not outcome.error]
    least = min(max([*lengths, LEAST_TEXT]), LEAST_TEXT) if any(texts) else 0
    columns = fitting(shown, every, width - status - BORDER - 1, least, max(lengths, default=0))
    table = Table()
    _add_keys(table, columns, every)
    table.add_column("status", no_wrap=True, min_width=status)
    if columns.ids:
        table.add_column("run", no_wrap=True, min_width=ID)
    if any(texts):
        table.add_column("", no_wrap=True, overflow="ellipsis", max_width=columns.text)
    for outcome, text in zip(shown, texts):
        cut = text if outcome.error else _whole_parts(text, columns.text)
        ends = [*([run_name(outcome)] if columns.ids else []), *([cut] if any(texts) else [])]
        table.add_row(*_values(outcome, columns, every, encoding), _status(outcome), *map(Text, ends))
    return table


def end_table(
    ended: Sequence[Outcome], every: Sequence[Outcome], measures: Sequence[str], width: int, encoding: str
) -> Table:
    """A row per job that has begun: what differs, its status, its run and its measures. What does not fit is named."""
    cells = {name: [number(o.test.get(name)) if o.test else "" for o in ended] for name in measures}
    wide = {name: max(cell_len(cell) for cell in [name, *of]) + BORDER for name, of in cells.items()}
    status = max((len(outcome.status) for outcome in ended), default=6)
    room = width - max(status, 6) - BORDER - 1
    shown = list(measures)
    while shown and _least(ended, every) + sum(wide[name] for name in shown) > room:
        shown.pop()
    columns = fitting(ended, every, room - sum(wide[name] for name in shown), 0, 0)
    left_out = [*([] if columns.ids else ["run"]), *(key for key in varying(every) if key not in columns.keys)]
    left_out += [name for name in measures if name not in shown]
    caption = "test split; nats" + (f"; no room for {', '.join(left_out)}" if left_out else "")
    table = Table(caption=caption, caption_justify="left")
    if columns.ids:
        table.add_column("run", no_wrap=True, min_width=ID)
    _add_keys(table, columns, every)
    table.add_column("status", no_wrap=True, min_width=max(status, 6))
    for name in shown:
        table.add_column(Text(name), justify="right", no_wrap=True)
    for position, outcome in enumerate(ended):
        first = [Text(run_name(outcome))] if columns.ids else []
        values = _values(outcome, columns, every, encoding)
        table.add_row(*first, *values, _status(outcome), *(cells[name][position] for name in shown))
    return table


def fitting(shown: Sequence[Outcome], every: Sequence[Outcome], room: int, least: int, wanted: int) -> Columns:
    """The columns that fit in `room`, beside a text of `wanted` columns, or of `least` where there is no more.

    Ids go first, then keys that tell no more rows apart, then the ends of long values, then the last keys: numbers and
    headers are whole or not there.
    """
    headers = _headers(every)
    needed = {key: _needed(shown, key, header) for key, header in headers.items()}
    texts = BORDER if least else 0

    def taken(widths: Mapping[str, int]) -> int:
        return sum(width + BORDER for width in widths.values()) + texts

    if taken(needed) + ID + BORDER + max(wanted, least) <= room:
        return Columns(needed, True, room - taken(needed) - ID - BORDER)
    if taken(needed) + least > room:
        needed = {key: needed[key] for key in telling(every)}
    whole = {key: max(_whole(shown, key, headers[key]), min(needed[key], LEAST_VALUE)) for key in needed}
    cap = max(needed.values(), default=0)
    while taken(needed) + least > room and cap > LEAST_VALUE:
        cap -= 1
        needed = {key: max(min(width, cap), whole[key]) for key, width in needed.items()}
    while taken(needed) + least > room and needed:
        needed.popitem()
    ids = not needed and ID + BORDER + least <= room
    return Columns(needed, ids, max(room - taken(needed) - ids * (ID + BORDER), 1))


def varying(outcomes: Sequence[Outcome]) -> list[str]:
    """The keys whose overrides differ between the jobs, in the order of the command line."""
    values: dict[str, set[str]] = {}
    for outcome in outcomes:
        for word in outcome.overrides:
            values.setdefault(word.partition("=")[0], set()).add(word)
    return [
        key
        for key, words in values.items()
        if len(words) > 1 or not all(any(w.partition("=")[0] == key for w in o.overrides) for o in outcomes)
    ]


def written_alike(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """The outcomes with the numbers of each varying key written in one way: no 1e-2 beside 0.03, nor in an error."""
    texts = {key: [_value(outcome, key) for outcome in outcomes] for key in varying(outcomes) if key not in TEXTS}
    columns = {key: alike(of) for key, of in texts.items() if all(NUMBER.fullmatch(text) for text in of if text)}
    found = []
    for position, outcome in enumerate(outcomes):
        named = ((word, *word.partition("=")[::2]) for word in outcome.overrides)
        words, error = [], outcome.error
        for word, key, value in named:
            told = f"{key}={columns[key][position]}" if value and key in columns else word
            words.append(told)
            error = error if told is word else _respelled(error, key, told, float(value))
        found.append(replace(outcome, overrides=tuple(words), error=error))
    return found


def _respelled(text: str, key: str, told: str, value: float) -> str:
    """The text with `told` in place of other spellings of this key's value, also of six digits of it."""

    def one(match: re.Match[str]) -> str:
        return told if float(match[1]) in (value, float(f"{value:g}")) else match[0]

    return re.sub(rf"(?<![\w.]){re.escape(key)}=({NUMBER.pattern})(?![\w.]*\w)", one, text, flags=NUMBER.flags)


def same_runs(outcomes: Sequence[Outcome]) -> list[str]:
    """A line for each run that several jobs have: `gamma=0.01: 3 jobs are one run, which the first trains`."""
    of_run: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        of_run.setdefault(outcome.folder, []).append(outcome)
    varied, found = varying(outcomes), []
    for folder, jobs in of_run.items():
        if folder and len(jobs) > 1 and any(job.status == "skipped" for job in jobs):
            labels = dict.fromkeys(" ".join(w for w in o.overrides if w.partition("=")[0] in varied) for o in jobs)
            named = ", ".join(filter(None, list(labels)[:MOST_FOLDERS])) or Path(folder).name
            found.append(f"{named}: {len(jobs)} jobs are one run, which the first trains")
    return [*found[:MOST_SAME], f"and {len(found) - MOST_SAME} more"] if len(found) > MOST_SAME else found


def folders(outcomes: Sequence[Outcome]) -> list[str]:
    """The folders in which the jobs' runs lie; of many the first few."""
    found = list(dict.fromkeys(str(Path(outcome.folder).parent) for outcome in outcomes if outcome.folder))
    return [", ".join([*found[:MOST_FOLDERS], *(["…"] if len(found) > MOST_FOLDERS else [])])] if found else []


def telling(outcomes: Sequence[Outcome]) -> list[str]:
    """The varying keys without those that tell no more jobs apart than the keys before them."""
    found: list[str] = []
    groups = 1
    for key in varying(outcomes):
        parts = len({tuple(_value(outcome, one) for one in (*found, key)) for outcome in outcomes})
        if parts > groups:
            found, groups = [*found, key], parts
    return found


def run_name(outcome: Outcome) -> str:
    """The id of a job's run, or a dash before it is known."""
    return printable(Path(outcome.folder).name) or "-"


def _least(shown: Sequence[Outcome], every: Sequence[Outcome]) -> int:
    """The columns that keep the keys readable: those that tell jobs apart, numbers whole, other values READABLE."""
    headers = _headers(every)
    return sum(
        max(_whole(shown, key, headers[key]), min(_needed(shown, key, headers[key]), READABLE)) + BORDER
        for key in telling(every)
    )


def _whole(shown: Sequence[Outcome], key: str, header: str) -> int:
    """The columns of what is never cut: the key's header, and its longest value that is a number."""
    values = (_value(outcome, key) for outcome in shown)
    return max([cell_len(header), *(cell_len(value) for value in values if NUMBER.fullmatch(value))])


def _whole_parts(text: str, width: int) -> str:
    """The text without the last of its parts, which two spaces keep apart, that do not fit; the first one stays."""
    while cell_len(text) > width and "  " in text:
        text = text.rpartition("  ")[0]
    return text


def _needed(shown: Sequence[Outcome], key: str, header: str) -> int:
    return max([cell_len(header), *(cell_len(_value(outcome, key)) for outcome in shown)])


def _headers(every: Sequence[Outcome]) -> dict[str, str]:
    """Each key that differs → its header: the key's last part, or all of it where another key ends alike."""
    keys = varying(every)
    shorts = [key.rpartition(".")[2] for key in keys]
    return {key: printable(short if shorts.count(short) == 1 else key) for key, short in zip(keys, shorts)}


def _value(outcome: Outcome, key: str) -> str:
    return next((word.partition("=")[2] for word in outcome.overrides if word.partition("=")[0] == key), "")


def _values(outcome: Outcome, columns: Columns, every: Sequence[Outcome], encoding: str) -> list[Text]:
    found = []
    for key, width in columns.keys.items():
        value = _value(outcome, key)
        if cell_len(value) > width:  # what all values begin with tells nothing
            alike = _alike([_value(other, key) for other in every])
            value = f"…{value[alike:]}" if 1 < alike < len(value) else value
        found.append(Text(readable(value, encoding)))
    return found


def _alike(words: Sequence[str]) -> int:
    """The number of letters with which all words begin."""
    return next((i for i, letters in enumerate(zip(*words)) if len(set(letters)) > 1), min(map(len, words), default=0))


def _add_keys(table: Table, columns: Columns, every: Sequence[Outcome]) -> None:
    headers = _headers(every)
    for key, width in columns.keys.items():
        table.add_column(Text(headers[key]), no_wrap=True, overflow="ellipsis", min_width=width, max_width=width)


def _status(outcome: Outcome) -> Text:
    return Text(outcome.status, STYLES[outcome.status])
