"""The page in a real browser: headless Chromium, driven through Playwright. Skipped where there is none of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from ib_cli.report.page.page import page
from ib_cli.report.panels.contents import contents
from ib_cli.report.read.runs import Reader
from ib_cli.report.write import write_figures
from tests.families import family
from tests.report.synthetic import write_estimates, write_run, write_study

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Playwright

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
WAIT = 180_000  # milliseconds: a busy machine draws slowly
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Opened(NamedTuple):
    """A page, and what its browser had to say."""

    page: Page
    complaints: list[str]
    requests: list[str]
    study: Path


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """The driver of browsers."""
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no chromium is installed: apt-get install chromium")
    with driver.sync_playwright() as started:
        yield started


@contextmanager
def browser(playwright: Playwright, *flags: str) -> Iterator[Browser]:
    """A browser with more flags of Chromium."""
    started = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags], headless=True)
    yield started
    started.close()


@pytest.fixture(scope="module")
def plain(playwright: Playwright) -> Iterator[Browser]:
    """A browser as it comes."""
    with browser(playwright) as started:
        yield started


@contextmanager
def page_of(started: Browser, study: Path) -> Iterator[Opened]:
    """The page of a study."""
    file = study / "report.html"
    file.write_text(page(contents(Reader().read([study])), "study"))
    context = started.new_context(viewport={"width": 1400, "height": 1000})
    context.set_default_timeout(WAIT)
    tab, complaints, requests = context.new_page(), [], []
    tab.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("request", lambda request: requests.append(request.url))
    tab.goto(file.as_uri())
    yield Opened(tab, complaints, requests, study)
    context.close()


@pytest.fixture(scope="module")
def opened(plain: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """The page of a study with one failed run."""
    multipliers = [1e-3, 1e-2, 1e-1, 0.3]
    study = write_study(tmp_path_factory.mktemp("outputs") / "study", multipliers=multipliers, noise=0.1)
    write_run(study / "broken", multiplier=1e-2, seed=9, status="failed", name="study")
    with page_of(plain, study) as found:
        yield found


@pytest.fixture
def surface(tmp_path: Path) -> Path:
    """A study over λ × γ."""
    pairs = [(a, b) for a in (0.5, 1.0, 2.0) for b in (4.0, 8.0, 16.0)]
    return write_study(tmp_path / "study", "free_energy", multipliers=pairs, seeds=2, epochs=2)


def test_loads_without_complaints_or_network(opened: Opened) -> None:
    _draw_all(opened.page)
    assert opened.complaints == []
    assert opened.requests == [(opened.study / "report.html").as_uri()]


def test_the_plots_draw(opened: Opened) -> None:
    _draw_all(opened.page)
    ids = opened.page.evaluate("[...document.querySelectorAll('.canvas')].map(canvas => canvas.id)")
    measures = ("J", "R", "C", "accuracy")
    sweep, epochs = [f"measure-{name}" for name in measures], [f"trajectory-{name}" for name in measures]
    assert ids == ["frontier-R-C", "information-plane", "first-law", *sweep, *epochs]
    assert opened.page.locator("#first-law .scatterlayer .points path").count() == 2  # all but the ends
    for name in set(ids) - {"first-law"}:
        marks = opened.page.locator(f"[id='{name}'] .scatterlayer path")
        assert marks.count() > 5, name


def test_the_bar_of_tools_covers_no_legend_and_uploads_nothing(opened: Opened) -> None:
    _draw_all(opened.page)
    canvas = opened.page.locator("#frontier-R-C")
    canvas.scroll_into_view_if_needed()
    tools, legend = (canvas.locator(kind).bounding_box() for kind in (".modebar", ".legend .bg"))
    assert tools["y"] + tools["height"] <= legend["y"]
    titles = canvas.locator(".modebar-btn").evaluate_all("buttons => buttons.map(button => button.dataset.title)")
    assert "Zoom" in titles and not [title for title in titles if "Share" in title or "Select" in title]


def test_a_hover_shows_the_run(opened: Opened) -> None:
    _draw_all(opened.page)
    opened.page.locator("#frontier-R-C").scroll_into_view_if_needed()
    spot = opened.page.evaluate(_WHERE_A_RUN_IS)
    opened.page.mouse.move(spot["x"] - 30, spot["y"] + 30)
    opened.page.mouse.move(spot["x"], spot["y"], steps=5)
    text = opened.page.locator("#frontier-R-C .hoverlayer .hovertext").first.text_content(timeout=5000)
    assert "γ = 0." in text
    assert "first law" not in text  # a run's, not a median's
    assert "seed " in text
    assert str(opened.study) in text


def test_a_hover_of_the_first_law_shows_whose_slope_it_is(opened: Opened) -> None:
    _draw_all(opened.page)
    opened.page.locator("#first-law").scroll_into_view_if_needed()
    box = opened.page.locator("#first-law .scatterlayer .points path").first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    opened.page.mouse.move(x - 30, y + 30)
    opened.page.mouse.move(x, y, steps=5)
    text = opened.page.locator("#first-law .hoverlayer .hovertext").first.text_content(timeout=5000)
    for words in ("γ = 0.01", "first law: 0.01", "median of 3 runs, seeds 0, 1, 2", str(opened.study)):
        assert words in text


def test_a_surface_is_drawn_in_space_without_network(playwright: Playwright, surface: Path) -> None:
    flags = ("--enable-unsafe-swiftshader", "--use-gl=angle", "--use-angle=swiftshader")
    with browser(playwright, *flags) as started, page_of(started, surface) as opened:
        if not opened.page.evaluate("document.createElement('canvas').getContext('webgl') !== null"):
            pytest.skip("this Chromium has no WebGL in software")
        _draw_all(opened.page)
        kinds = "document.getElementById('surface-D-C-R')._fullData.map(data => data.type)"
        assert {"scatter3d", "mesh3d"} == set(opened.page.evaluate(kinds))
        assert opened.page.locator("#surface-D-C-R .gl-container canvas").count() > 0
        text = opened.page.evaluate("document.getElementById('surface-D-C-R').data[0].text[0]")
        for words in ("λ = 0.5", "γ = 4", "−∂R/∂D", "first law: 0.5", "−∂R/∂C", "first law: 4", str(surface)):
            assert words in text
        assert not [complaint for complaint in opened.complaints if complaint.startswith("error")]
        assert [url for url in opened.requests if not url.startswith("blob:")] == [(surface / "report.html").as_uri()]


@pytest.mark.slow
def test_without_webgl_the_figure_stands_for_the_surface(
    playwright: Playwright, surface: Path, only_figures: Callable[..., None]
) -> None:
    only_figures("surface")
    write_figures(contents(Reader().read([surface]), metrics=["R"]), surface / "figures")
    with browser(playwright, "--disable-3d-apis") as started, page_of(started, surface) as opened:
        _draw_all(opened.page)
        picture = opened.page.locator("#surface-D-C-R img")
        assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 200
        assert opened.complaints == []


@pytest.mark.slow
def test_estimates_are_drawn_in_panels_side_by_side(plain: Browser, study: Path) -> None:
    for run in study.iterdir():
        for estimator in ("kraskov", "mixture"):
            plane = {"I[X;Z]": [1.0, 3.0, 2.0], "I[X;Y|Z]": [2.0, 1.0, 0.5], "I[Y;Z]": [0.0, 1.0, 1.5]}
            write_estimates(run, estimator, plane | {"H[Z]": [1.0, 3.0, 2.0], "H[Z|Y]": [1.0, 2.0, 0.5]})
    with page_of(plain, study) as opened:
        _draw_all(opened.page)
        for name, panels in (("residual-plane", 2), ("entropies", 4)):
            canvas = opened.page.locator(f"#{name}")
            boxes = [box.bounding_box() for box in canvas.locator(".draglayer .nsewdrag").all()]
            assert len(boxes) == panels and canvas.bounding_box()["height"] == 300 * panels
            assert sorted(box["y"] for box in boxes) == [box["y"] for box in boxes]
            assert canvas.locator(".scatterlayer path").count() > 5 * panels
        assert canvas.bounding_box()["width"] > 1200  # the whole page's
        assert opened.complaints == []


def test_the_table_sorts_and_filters(opened: Opened) -> None:
    table = opened.page.locator("table#runs")
    heads = table.locator("thead th").all_text_contents()
    column = heads.index("test/R")

    def shown() -> list[float]:
        cells: Any = table.locator(f"tbody tr:visible td:nth-child({column + 1})").all_text_contents()
        return [float(cell) for cell in cells]

    table.locator("thead button").nth(column).click()
    assert len(shown()) == 13
    assert shown() == sorted(shown())
    table.locator("thead button").nth(column).click()
    assert shown() == sorted(shown(), reverse=True)
    assert table.locator("th[aria-sort]").count() == 1
    search = opened.page.locator("[data-filter=runs]")
    search.fill("failed")
    assert table.locator("tbody tr:visible").count() == 1
    search.fill("")
    assert table.locator("tbody tr:visible").count() == 13


def test_a_slider_plays_the_study_back(plain: Browser, tmp_path: Path) -> None:
    study = write_study(tmp_path / "study", seeds=2, noise=0.1)
    write_run(study / "short", multiplier=1e-3, seed=8, epochs=3, name="study")
    write_run(study / "late", multiplier=1e-2, seed=9, epochs=4, status="unfinished", name="study")
    with page_of(plain, study) as opened:
        _draw_all(opened.page)
        at_end = opened.page.evaluate(_PLACES)
        slider = opened.page.locator("#playback input")
        slider.focus()
        opened.page.keyboard.press("Home")
        opened.page.wait_for_function("document.getElementById('frontier-R-C').dataset.epoch === '1'")
        first = opened.page.evaluate(_PLACES)
        records = [json.loads(line) for line in (study / "late" / "metrics.jsonl").read_text().splitlines()]
        R = [line["R"] for line in records if line["split"] == "test"]
        assert at_end["not done"][0] == pytest.approx(R[-1], rel=1e-4)
        assert first["not done"][0] == pytest.approx(R[0], rel=1e-4)
        assert min(first["runs"]) > max(0.0, min(at_end["runs"])) and first["lines"] < at_end["lines"]
        medians = sorted(first["runs"])
        assert first["medians"][-1] == pytest.approx(sum(medians[:2]) / 2, rel=1e-3)  # of the two runs of γ = 0.1
        assert opened.page.locator("#playback output").text_content() == "epoch 1 of 5"
        opened.page.reload()
        _draw_all(opened.page)
        assert opened.page.evaluate(_PLACES) == first  # a page that is watched stays where it is
        opened.page.locator("#playback button").click()
        opened.page.wait_for_function("document.querySelector('#playback output').textContent === 'epoch 5, the last'")
        opened.page.wait_for_function("document.getElementById('information-plane').dataset.epoch === ''")
        assert opened.page.evaluate(_PLACES) == at_end
        assert opened.complaints == []


@pytest.mark.parametrize("status", ["done", "unfinished"])
@pytest.mark.parametrize("epochs", family([1, 2], quick=[2]))
def test_one_run_has_a_slider_where_it_has_two_epochs(plain: Browser, tmp_path: Path, epochs: int, status: str) -> None:
    write_run(tmp_path / "study" / "run", epochs=epochs, status=status)
    with page_of(plain, tmp_path / "study") as opened:
        _draw_all(opened.page)
        assert opened.page.locator("#playback").is_visible() == (epochs > 1)
        opened.page.keyboard.press("Home")
        assert opened.complaints == []
        if status == "unfinished":
            assert opened.page.evaluate(_PLACES)["not done"]


@pytest.mark.parametrize("width", [1400, 700])
def test_nothing_is_wider_than_the_window(opened: Opened, width: int) -> None:
    opened.page.set_viewport_size({"width": width, "height": 1000})
    beyond = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert opened.page.evaluate(beyond) <= 0
    opened.page.set_viewport_size({"width": 1400, "height": 1000})


def _draw_all(tab: Page) -> None:
    """Plots are drawn when they come into the window."""
    for canvas in tab.locator(".canvas").all():
        canvas.scroll_into_view_if_needed()
        tab.wait_for_function("canvas => canvas.dataset.drawn === 'true'", arg=canvas.element_handle())


# The middle of the single run's mark that is farthest from the medians, whose marks are larger.
_WHERE_A_RUN_IS = """() => {
  const canvas = document.getElementById('frontier-R-C');
  const names = canvas._fullData.map(data => data.name);
  const layers = canvas.querySelectorAll('.scatterlayer .trace');
  const spots = kind => [...layers[names.findIndex(name => name.startsWith(kind))].querySelectorAll('.points path')]
    .map(mark => mark.getBoundingClientRect())
    .map(box => ({x: box.x + box.width / 2, y: box.y + box.height / 2}));
  const medians = spots('medians');
  const gap = spot => Math.min(...medians.map(other => Math.hypot(spot.x - other.x, spot.y - other.y)));
  return spots('runs').reduce((best, spot) => gap(spot) > gap(best) ? spot : best);
}"""

# What the frontier shows, R of each mark by the trace's name, and how many points the plane's lines have.
_PLACES = """() => {
  const found = {};
  for (const trace of document.getElementById('frontier-R-C').data) {
    if (trace.name) (found[trace.name.split(",")[0]] ??= []).push(...trace.x); // of all curves
  }
  const plane = document.getElementById('information-plane');
  const lines = plane ? plane.data.filter(trace => trace.mode.startsWith('lines') && trace.customdata) : [];
  found.lines = lines.flatMap(trace => [...trace.x]).filter(x => x !== null).length;
  return found;
}"""
