"""The same tables by DuckDB, a straightforward script: one CSV file in, Parquet out, one line of JSON at the end.

Its rules for good files are the oracle's; what only broken files need (quoting, encodings, odd numbers) is left out.
"""

import json
import sys
import time
from pathlib import Path

import duckdb

from tests.oracle_duckdb import tables

RAW = """
CREATE TABLE raw_events AS
SELECT try_cast(user_id AS BIGINT) AS user_id, try_cast(product_id AS BIGINT) AS item_id, event_type,
    try_strptime(event_time, '%Y-%m-%d %H:%M:%S UTC') AS timestamp, user_session AS session_id,
    CAST(NULL AS DECIMAL(10, 2)) AS rating, try_cast(price AS DECIMAL(10, 2)) AS price,
    try_cast(category_id AS BIGINT) AS category_id, category_code, brand, $name AS file_name
FROM read_csv($path, all_varchar = true, header = true)
"""
REASONS = """
CREATE TABLE raw_rows AS
SELECT *, date_trunc('hour', timestamp) AS hour, concat_ws(',', event_type, item_id, user_id) AS raw_text,
    list_filter([
        CASE WHEN user_id IS NULL THEN 'user_id_missing' WHEN user_id <= 0 THEN 'user_id_not_positive' END,
        CASE WHEN item_id IS NULL THEN 'item_id_missing' WHEN item_id <= 0 THEN 'item_id_not_positive' END,
        CASE WHEN event_type IS NULL THEN 'event_type_missing'
            WHEN event_type = 'remove_from_cart' THEN 'event_type_ignored'
            WHEN event_type NOT IN ('view', 'cart', 'purchase', 'rating') THEN 'event_type_unknown' END,
        CASE WHEN timestamp IS NULL THEN 'timestamp_not_a_time' END,
        CASE WHEN price < 0 THEN 'price_negative' END,
        CASE WHEN len(session_id) > 50 OR len(category_code) > 50 OR len(brand) > 100 THEN 'text_not_storable' END
    ], lambda reason: reason IS NOT NULL) AS reasons
FROM raw_events
"""
# Each step: its statements, and the tables that it leaves as Parquet.
STEPS = {
    "extract_events": ([RAW], ["raw_events"]),
    "validate_data_quality": (
        [REASONS, tables.STOPPED, tables.USER_EVENTS, tables.REJECTED],
        ["user_events", "rejected_events"],
    ),
    "remove_duplicates": ([tables.DEDUPED], ["deduped_events"]),
    "handle_missing_values": ([tables.CLEANED], ["cleaned_events"]),
    "create_user_item_matrix": ([tables.MATRIX], ["user_item_matrix"]),
    "feature_engineering": ([tables.USER_FEATURES, tables.ITEM_FEATURES], ["user_features", "item_features"]),
}


def main(source: str, out: str, threads: int) -> None:
    """Runs every step; prints seconds by step and rows by table."""
    parameters = {RAW: {"path": source, "name": Path(source).name}, tables.STOPPED: {"accept": False}}
    parameters |= {tables.DEDUPED: {"exempt": []}}
    seconds, rows = {}, {}
    with duckdb.connect(config={"threads": threads}) as db:
        db.execute(tables.MACROS)
        for step, (statements, written) in STEPS.items():
            begun = time.monotonic()
            for sql in statements:
                db.execute(sql, parameters.get(sql))
            for name in written:
                db.execute(f"COPY {name} TO '{out}/{name}.parquet' (COMPRESSION snappy)")
            seconds[step] = time.monotonic() - begun
            rows |= {name: db.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in written}
        columns = "user_id, item_id, event_type, timestamp, session_id, rating, price"
        db.execute(f"COPY (SELECT {columns} FROM user_events) TO '{out}/user_events.csv' (HEADER false)")
    sys.stdout.write(json.dumps({"seconds": seconds, "rows": rows}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
