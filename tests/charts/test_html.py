"Blocks of pages: names stay text, the same data give the same block, and a browser draws them."

import html
import json
import re
import subprocess

from chart_tables import consistency_schools

from schoolvar.charts import plot_pip, plot_trace
from schoolvar.charts.assets import write_assets
from schoolvar.charts.data import chart_data
from schoolvar.charts.diagnostics import long_draws
from schoolvar.charts.html import chart_block, page


def dump(chromium, tmp_path, text):
    "The page as the browser has it after drawing, with no network."
    file = tmp_path / "page.html"
    file.write_text(text, encoding="utf-8")
    command = [
        chromium,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        f"--user-data-dir={tmp_path / 'profile'}",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        "--virtual-time-budget=20000",
        "--window-size=800,2000",
        "--dump-dom",
        file.as_uri(),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=180, check=True).stdout


def test_hostile_names_stay_text():
    "A name cannot end the data block, become a tag of the table, or change the specification."
    schools = consistency_schools(8)
    schools["school"] = [
        "</script><img src=x onerror=alert(1)>",
        '"},{"a":"',
        "a,b",
        'say "hi"',
        "line\nbreak",
        "\u2028",
        "datum.x' || 1",
        "ours",
    ]
    block = chart_block(plot_pip(schools.assign(pip=0.9)), table="full")
    assert block.lower().count("</script") == 1 and "<img" not in block
    spec = json.loads(re.search(r"<script[^>]*>(.*?)</script>", block, re.S).group(1))
    assert sorted(chart_data(spec).school) == sorted(schools.school)


def test_same_data_same_block():
    first, second = (chart_block(plot_pip(consistency_schools())) for _ in range(2))
    assert first == second


def test_panels_are_named_alike_every_time(rng_draws):
    "Altair numbers things as a session goes on; none of it may reach the page."
    draws = long_draws(rng_draws)
    assert chart_block(plot_trace(draws)) == chart_block(plot_trace(draws))


def test_drawn_under_a_strict_policy(gallery, chromium, tmp_path):
    """All charts draw from one shared script under a policy without inline script or compiled text.

    Each SVG is an image with title and description.
    """
    write_assets(tmp_path / "assets")
    blocks = [chart_block(spec, table=None, name=f"f{k}") for k, (_, _, spec) in enumerate(gallery)]
    dom = dump(chromium, tmp_path, page(blocks, folder="assets"))
    assert dom.count('data-drawn="yes"') == len(blocks) and 'data-drawn="no"' not in dom
    roots = re.findall(r"<svg[^>]*class=\"marks\"[^>]*>", dom)
    assert len(roots) == len(blocks)
    for root in roots:
        assert 'role="img"' in root and "aria-labelledby" in root and "aria-describedby" in root
    assert len(set(re.findall(r'aria-labelledby="([^"]+)"', dom))) == len(blocks)
    assert "graphics-symbol" not in dom and "graphics-object" not in dom


# opens the tables, and puts the first column of their rows into the title
PROBE = """addEventListener('load', () => {
  document.querySelectorAll('details.sv-data').forEach(d => { d.open = true });
  setTimeout(() => {
    const rows = [...document.querySelectorAll('.sv-data tbody tr')];
    document.title = JSON.stringify(rows.map(r => r.cells[0].textContent));
  }, 3000)
})"""


def test_single_file_draws_and_the_table_opens(chromium, tmp_path):
    "Everything in one page; the numbers that the script writes are those of the chart."
    schools = consistency_schools(50).assign(pip=0.9)
    schools.loc[:4, "school"] = ["a,b", 'say "hi"', "line\nbreak", "<b>bold</b>", " blank "]
    text = page([chart_block(plot_pip(schools), table="lazy")])
    assert 'data-drawn="yes"' in dump(chromium, tmp_path, text)  # under its own policy
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    text = text.replace("<!doctype html>", f"<!doctype html><script>{PROBE}</script>", 1)
    dom = dump(chromium, tmp_path, text)
    assert 'data-drawn="yes"' in dom
    got = json.loads(html.unescape(re.search(r"<title>(.*?)</title>", dom, re.S).group(1)))
    assert sorted(got) == sorted(schools.school)
