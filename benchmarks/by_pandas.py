"""The design's own way to a matrix: pandas and a dense pivot. Prints the seconds, or dies for want of memory.

The process may use as much memory as the machine has; asking for more is an error, as it would be on a machine whose
memory is full.
"""

import json
import resource
import sys
import time

import pandas as pd
import psutil

WEIGHTS = {"view": 1.0, "cart": 3.0, "purchase": 5.0}


def main(source: str) -> None:
    """Reads the CSV, drops duplicates, pivots users by items; prints one line of JSON."""
    limit = psutil.virtual_memory().total
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    begun = time.monotonic()
    events = pd.read_csv(source, parse_dates=["event_time"])
    minute = events["event_time"].dt.floor("min")
    events = events.sort_values("event_time").assign(minute=minute)
    events = events.drop_duplicates(["user_id", "product_id", "event_type", "minute"], keep="last")
    shape = [int(events[name].nunique()) for name in ("user_id", "product_id")]
    read = time.monotonic() - begun
    try:
        scores = events.assign(score=events["event_type"].map(WEIGHTS))
        scores.pivot_table(index="user_id", columns="product_id", values="score", aggfunc="sum", fill_value=0)
        died = False
    except (MemoryError, ValueError, IndexError):  # pandas refuses more than 2^31 cells by itself
        died = True
    found = {"read": read, "all": time.monotonic() - begun, "users": shape[0], "items": shape[1], "died": died}
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
