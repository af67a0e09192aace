"Errors say in one line what is wrong, and survive between processes."

import pickle

from schoolvar.core.errors import DataError


def test_errors_survive_pickling():
    "Reports are made in processes of their own."
    e = pickle.loads(pickle.dumps(DataError("is bad", "f.csv", "n", [2, 3], 9, "x")))
    assert str(e) == "f.csv: column n: is bad (rows 2, 3 and 7 more; the first has 'x')" and (
        e.file,
        e.column,
        e.rows,
    ) == ("f.csv", "n", [2, 3])
