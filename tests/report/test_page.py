"""The page in a real browser: headless Chromium, driven through Playwright. Skipped where there is none of them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from ib_cli.report.contents import contents
from ib_cli.report.page import page
from ib_cli.report.read import Reader
from tests.report.synthetic import write_run, write_study

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
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
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """The page of a study with one failed run."""
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no chromium is installed: apt-get install chromium")
    study = write_study(tmp_path_factory.mktemp("outputs") / "study", multipliers=[1e-3, 1e-2, 1e-1], noise=0.2)
    write_run(study / "broken", multiplier=1e-2, seed=9, status="failed", name="study")
    file = study / "report.html"
    file.write_text(page(contents(Reader().read([study])), "study"))
    profile = tmp_path_factory.mktemp("profile")
    with driver.sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=CHROMIUM, args=FLAGS, headless=True, viewport={"width": 1400, "height": 1000}
        )
        tab, complaints, requests = context.new_page(), [], []
        tab.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("request", lambda request: requests.append(request.url))
        tab.goto(file.as_uri())
        yield Opened(tab, complaints, requests, study)
        context.close()


def test_loads_without_complaints_or_network(opened: Opened) -> None:
    _draw_all(opened.page)
    assert opened.complaints == []
    assert opened.requests == [(opened.study / "report.html").as_uri()]


def test_the_plots_draw(opened: Opened) -> None:
    _draw_all(opened.page)
    ids = opened.page.evaluate("[...document.querySelectorAll('.canvas')].map(canvas => canvas.id)")
    assert ids == ["frontier-R-C", "information-plane", *(f"trajectory-{name}" for name in ("J", "R", "C", "accuracy"))]
    for name in ids:
        marks = opened.page.locator(f"[id='{name}'] .scatterlayer path")
        assert marks.count() > 5, name


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


def test_the_table_sorts_and_filters(opened: Opened) -> None:
    table = opened.page.locator("table#runs")
    heads = table.locator("thead th").all_inner_texts()
    column = heads.index("test/R")

    def shown() -> list[float]:
        cells: Any = table.locator(f"tbody tr:visible td:nth-child({column + 1})").all_text_contents()
        return [float(cell) for cell in cells]

    table.locator("thead button").nth(column).click()
    assert len(shown()) == 10
    assert shown() == sorted(shown())
    table.locator("thead button").nth(column).click()
    assert shown() == sorted(shown(), reverse=True)
    assert table.locator("th[aria-sort]").count() == 1
    search = opened.page.locator("[data-filter=runs]")
    search.fill("failed")
    assert table.locator("tbody tr:visible").count() == 1
    search.fill("")
    assert table.locator("tbody tr:visible").count() == 10


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
