"""Prints the telemetry as one JSON event a line: the row's number as `id`, then the fields of shuttle.csv.gz."""

import argparse
import csv
import gzip
import json
from pathlib import Path


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first row")
    parser.add_argument("--rows", type=int, default=None, help="how many rows; all by default")
    options = parser.parse_args()
    last = None if options.rows is None else options.first + options.rows
    with gzip.open(Path(__file__).parent / "shuttle.csv.gz", "rt") as file:
        for number, row in enumerate(csv.DictReader(file)):
            if last is not None and number >= last:
                break
            if number >= options.first:
                event = {"id": number} | {name: int(value) for name, value in row.items()}
                print(json.dumps(event, separators=(",", ":")))


if __name__ == "__main__":
    main()
