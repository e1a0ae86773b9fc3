"""Scores by SciPy and NumPy, and counts by NumPy, on the same data.

Reads {"pairs": [[reference counts, window counts], ...], "columns": [{"edges": [...], "values": [...]}, ...]} from standard
input; writes {"psi": [...], "js": [...], "counts": [[...], ...]}. A share of zero is taken as 0.0001 in PSI."""

import json
import sys

import numpy as np
from scipy.spatial.distance import jensenshannon


def psi(reference, window):
    p, q = (np.array(counts, float) / sum(counts) for counts in (reference, window))
    p, q = (np.where(shares == 0, 0.0001, shares) for shares in (p, q))
    return float(np.sum((q - p) * np.log(q / p)))


def counts(column):
    edges, values = np.array(column["edges"]), np.array(column["values"], float)
    bins = np.searchsorted(edges, values, side="right")
    return np.bincount(bins, minlength=len(edges) + 1).tolist()


asked = json.load(sys.stdin)
json.dump(
    {
        "psi": [psi(*pair) for pair in asked["pairs"]],
        "js": [float(jensenshannon(*pair, base=2)) for pair in asked["pairs"]],
        "counts": [counts(column) for column in asked["columns"]],
    },
    sys.stdout,
)
