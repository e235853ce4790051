"""A straightforward DuckDB script that builds the same tables: reads a CSV file, writes Parquet, prints a line of JSON.

It uses the oracle's rules for good files. It omits the rules for broken files: quoting, encodings, odd numbers.
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
INTERACTIONS = """
CREATE TABLE daily_interactions AS
SELECT timestamp::DATE AS event_date, user_id, item_id, category_id,
    count(*) FILTER (WHERE event_type = 'view') AS view_count,
    count(*) FILTER (WHERE event_type = 'cart') AS cart_count,
    count(*) FILTER (WHERE event_type = 'purchase') AS purchase_count,
    count(*) FILTER (WHERE event_type = 'rating') AS rating_count,
    count(*) FILTER (WHERE hour(timestamp) <= 6) AS dawn_events,
    count(*) FILTER (WHERE hour(timestamp) BETWEEN 7 AND 12) AS morning_events,
    count(*) FILTER (WHERE hour(timestamp) BETWEEN 13 AND 18) AS afternoon_events,
    count(*) FILTER (WHERE hour(timestamp) >= 19) AS evening_events,
    count(price) AS priced_events, sum(price) AS price_sum,
    count(price) FILTER (WHERE event_type = 'purchase') AS priced_purchases,
    sum(price) FILTER (WHERE event_type = 'purchase') AS spent_sum,
    count(*) FILTER (WHERE rating_source = 'given') AS given_ratings,
    sum(rating) FILTER (WHERE rating_source = 'given') AS given_rating_sum,
    min(timestamp) AS first_seen, max(timestamp) AS last_seen
FROM cleaned_events GROUP BY 1, 2, 3, 4
"""
ITEM_DAYS = f"""
CREATE TABLE daily_items AS
SELECT item_id, timestamp::DATE AS event_date, {tables.latest_known("category_id")} AS category_id,
    {tables.latest_known("category_code")} AS category_code, {tables.latest_known("brand")} AS brand
FROM cleaned_events GROUP BY 1, 2
"""
INDEX = """
CREATE TABLE {kind}_index AS
SELECT {kind}_id, row_number() OVER (ORDER BY first_day, {kind}_id) - 1 AS {kind}_index, first_day
FROM (SELECT {kind}_id, min(event_date) AS first_day FROM daily_interactions GROUP BY 1)
"""
USER_INDEX, ITEM_INDEX = INDEX.format(kind="user"), INDEX.format(kind="item")
MATRIX = """
CREATE TABLE user_item_matrix AS
SELECT user_index, item_index, user_id, item_id, score FROM (
    SELECT user_id, item_id,
        CAST(sum(view_count + 4 * rating_count + 3 * cart_count + 5 * purchase_count) AS DOUBLE) AS score
    FROM daily_interactions GROUP BY 1, 2)
JOIN user_index USING (user_id) JOIN item_index USING (item_id)
"""
# The statements of each step and the tables that it writes as Parquet.
STEPS = {
    "extract_events": ([RAW], ["raw_events"]),
    "validate_data_quality": (
        [REASONS, tables.STOPPED, tables.USER_EVENTS, tables.REJECTED],
        ["user_events", "rejected_events"],
    ),
    "remove_duplicates": ([tables.DEDUPED], ["deduped_events"]),
    "handle_missing_values": (
        [tables.CLEANED, INTERACTIONS, ITEM_DAYS],
        ["cleaned_events", "daily_interactions", "daily_items"],
    ),
    "create_user_item_matrix": (
        [USER_INDEX, ITEM_INDEX, MATRIX],
        ["user_index", "item_index", "user_item_matrix"],
    ),
    "feature_engineering": ([tables.USER_FEATURES, tables.ITEM_FEATURES], ["user_features", "item_features"]),
}


def main(source: str, out: str, threads: int, day: str) -> None:
    """Run every step; print seconds by step and rows by table. Write user_events and its `day` as CSV for psql."""
    parameters = {RAW: {"path": source, "name": Path(source).name}, tables.STOPPED: {"accept": False}}
    parameters |= {tables.DEDUPED: {"exempt": []}}
    seconds, rows = {}, {}
    with duckdb.connect(config={"threads": threads}) as db:
        db.execute(tables.MACROS)
        db.execute(tables.weight_macro(tables.WEIGHTS))
        for step, (statements, written) in STEPS.items():
            begun = time.monotonic()
            for sql in statements:
                db.execute(sql, parameters.get(sql))
            for name in written:
                db.execute(f"COPY {name} TO '{out}/{name}.parquet' (COMPRESSION snappy)")
            seconds[step] = time.monotonic() - begun
            rows |= {name: db.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in written}
        columns = "user_id, item_id, event_type, timestamp, session_id, rating, price"
        day_filter = f"WHERE timestamp::DATE = DATE '{day}'"
        for name, where in (("user_events", ""), ("day", day_filter)):
            db.execute(f"COPY (SELECT {columns} FROM user_events {where}) TO '{out}/{name}.csv' (HEADER false)")
    sys.stdout.write(json.dumps({"seconds": seconds, "rows": rows}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
