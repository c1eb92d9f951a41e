"""Fonts in PDF files have no tables for shaping, and are TrueType fonts all the same."""

from __future__ import annotations

from io import BytesIO

import matplotlib
from fontTools import subset
from matplotlib.figure import Figure

from ib_cli.system.pdf_fonts import without_shaping


def pdf() -> bytes:
    figure, content = Figure(figsize=(2, 1)), BytesIO()
    figure.text(0.1, 0.5, "fine γ fi AV")
    with matplotlib.rc_context({"pdf.fonttype": 42, "pdf.compression": 0}):
        figure.savefig(content, format="pdf", metadata={"CreationDate": None})
    return content.getvalue()


def test_tables_for_shaping_are_left_out_and_nothing_else_changes() -> None:
    before, whole = subset.Options, pdf()
    with without_shaping():
        small = pdf()
    assert subset.Options is before and pdf() == whole
    assert b"GPOS" in whole and not any(table in small for table in (b"GPOS", b"GSUB", b"GDEF"))
    assert b"/FontFile2" in small and b"glyf" in small and len(small) < len(whole)
    assert whole[: whole.index(b"/FontFile2")].count(b" Tj") == small[: small.index(b"/FontFile2")].count(b" Tj")
