"""The same scores by Evidently, whose PSI and Jensen-Shannon distance take columns, not counts: each bin is a category here.

Reads {"pairs": [[reference counts, window counts], ...]} from standard input; writes {"psi": [...], "js": [...]}, the distances
in base 2. Its own binning of numbers needs both samples at once and is not compared."""

import json
import math
import sys

import pandas
from evidently.legacy.calculations.stattests import jensenshannon_stat_test, psi_stat_test
from evidently.legacy.calculations.stattests.registry import get_stattest
from evidently.legacy.core import ColumnType


def column(counts):
    return pandas.Series([f"bin {bin}" for bin, count in enumerate(counts) for _ in range(count)])


def score(test, pair):
    reference, window = map(column, pair)
    run = get_stattest(reference, window, ColumnType.Categorical, test)
    return run(reference, window, ColumnType.Categorical, 0.1).drift_score


asked = json.load(sys.stdin)
psi = [float(score(psi_stat_test, pair)) for pair in asked["pairs"]]
js = [float(score(jensenshannon_stat_test, pair)) / math.sqrt(math.log(2)) for pair in asked["pairs"]]
json.dump({"psi": psi, "js": js}, sys.stdout)
