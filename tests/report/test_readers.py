"Files are read back before they are published; what cannot be read is not made."

import sys

import pytest

from schoolvar.report.build import render_reports
from schoolvar.report.example import example_fits
from schoolvar.report.publication import ReportError
from schoolvar.report.readers import file_statements
from schoolvar.report.statements import StatementError


def test_without_pypdf_no_pdf_is_made_under_a_policy(tmp_path, monkeypatch):
    "Its absence is said before any work, on one line with the mend."
    fits = example_fits(tmp_path / "fits", 2, 12)
    monkeypatch.setitem(sys.modules, "pypdf", None)
    with pytest.raises(ReportError, match=r"pypdf.*pip install 'schoolvar\[pdf\]'"):
        render_reports(tmp_path / "out", **fits, formats=("pdf",), workers=1)
    assert not (tmp_path / "out").exists()
    # an earlier release with PDF is not read as if they said nothing
    with pytest.raises(StatementError, match="pypdf"):
        file_statements("districts/sim01.pdf", b"%PDF-1.7")
