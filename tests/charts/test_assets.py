"The shared files are whole or absent."

from schoolvar.charts.assets import SCRIPT, STYLE, write_assets


def test_asset_files_are_whole_or_absent(tmp_path):
    first = write_assets(tmp_path)
    stamp = [p.stat().st_mtime_ns for p in first]
    # unchanged files are left alone
    assert [p.stat().st_mtime_ns for p in write_assets(tmp_path)] == stamp
    first[0].write_text("damaged", encoding="utf-8")
    assert write_assets(tmp_path)[0].stat().st_size > 500_000
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([SCRIPT, STYLE])
