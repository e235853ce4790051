"""The matrix as the design builds it: pandas and a dense pivot. Prints the seconds and whether the memory sufficed.

The process may use all the memory of the machine; a request for more is an error, as on a machine with full memory.
"""

import json
import resource
import sys
import time

import pandas as pd
import psutil

WEIGHTS = {"view": 1.0, "cart": 3.0, "purchase": 5.0}


def main(source: str) -> None:
    """Read the CSV, drop duplicates, pivot users by items; print one line of JSON."""
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
    except (MemoryError, ValueError, IndexError):  # pandas itself refuses more than 2^31 cells
        died = True
    found = {"read": read, "all": time.monotonic() - begun, "users": shape[0], "items": shape[1], "died": died}
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
