"Stage 1's files, in other readers too."

import numpy as np
import pandas as pd
import pytest


def test_parquet_says_what_it_holds(folder, simulated):
    import pyarrow.parquet as pq

    schema = pq.read_schema(folder / "g3_school_quality.parquet")
    assert schema.names == ["school_id", "g3_school_re", "g3_re_sd"]
    meta = {k.decode(): v.decode() for k, v in schema.metadata.items()}
    assert (
        meta["units"] == "logit"
        and meta["model"].startswith("M2")
        and meta["grade"] == "3"
        and meta["schools"] == "96"
        and len(meta["data_sha256"]) == 64
    )
    table = pd.read_parquet(folder / "g3_school_quality.parquet")
    assert len(table) == 96 and table.school_id.is_unique and (table.g3_re_sd > 0).all()
    draws = (
        pd.read_parquet(folder / "g3_school_quality_draws.parquet")
        .set_index("school_id")
        .g3_school_re_draws
    )
    assert np.allclose(
        [x.mean() for x in draws.loc[table.school_id]], table.g3_school_re, atol=1e-5
    )
    assert np.allclose(
        [x.std(ddof=1) for x in draws.loc[table.school_id]], table.g3_re_sd, atol=1e-5
    )
    assert len({len(x) for x in draws}) == 1 == len({meta["draws"], str(len(draws.iloc[0]))})


def test_parquet_in_polars(folder):
    pl = pytest.importorskip("polars")
    table = pl.read_parquet(folder / "g3_school_quality.parquet")
    ours = pd.read_parquet(folder / "g3_school_quality.parquet")
    assert (
        table.columns == list(ours.columns)
        and table["school_id"].to_list() == list(ours.school_id)
        and np.array_equal(table["g3_school_re"].to_numpy(), ours.g3_school_re)
    )
    draws = pl.read_parquet(folder / "g3_school_quality_draws.parquet")
    assert draws["g3_school_re_draws"].list.mean().to_numpy() == pytest.approx(
        ours.g3_school_re.to_numpy(), abs=1e-5
    )


def test_parquet_in_duckdb(folder):
    duckdb = pytest.importorskip("duckdb")
    n, mean = duckdb.sql(
        f"select count(*), avg(g3_school_re) from '{folder / 'g3_school_quality.parquet'}'"
    ).fetchall()[0]
    ours = pd.read_parquet(folder / "g3_school_quality.parquet")
    assert n == len(ours) and mean == pytest.approx(ours.g3_school_re.mean())
    path = folder / "g3_school_quality.parquet"
    said = f"select decode(key), decode(value) from parquet_kv_metadata('{path}')"
    meta = dict(duckdb.sql(said).fetchall())
    assert meta["units"] == "logit" and "data_sha256" in meta
