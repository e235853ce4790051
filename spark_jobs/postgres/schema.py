"""The SQL of PostgreSQL: the two tables that it serves, the load's own ledger, staging, and how items are computed."""

from spark_jobs.tables.model import SourceColumn
from spark_jobs.tables.source_columns import ADDED, EVENT, REQUIRED


def _define(column: SourceColumn) -> str:
    """Return the definition of a column of user_events. Apart from text, PostgreSQL's types have the same names."""
    text = f"VARCHAR({column.length})" if column.length else "TEXT"
    return f"{column.name} {text if column.type == 'STRING' else column.type}"


SERVED = tuple(column for column in EVENT if column.served)
ADDED_LATER = tuple(column for column in ADDED if column.served)
EVENTS = tuple(column.name for column in SERVED)
OPTIONAL = tuple(column.name for column in SERVED if column.optional)
ITEMS = ("item_id", "category", "brand", "price")

SCHEMA = f"""
CREATE TABLE IF NOT EXISTS user_events (
    event_id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    {", ".join(_define(column) + ("" if column.optional else " NOT NULL") for column in SERVED)},
    created_at TIMESTAMP NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'));
CREATE TABLE IF NOT EXISTS items (
    item_id BIGINT PRIMARY KEY,
    name VARCHAR(200) NOT NULL,
    category VARCHAR(50),
    brand VARCHAR(100),
    price NUMERIC(10, 2),
    description TEXT,
    image_url VARCHAR(500),
    created_at TIMESTAMP NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'));
DO $$ BEGIN  -- IF NOT EXISTS would wait for any writer, even where the index exists
    IF to_regclass('idx_user_events_timestamp') IS NULL THEN
        CREATE INDEX idx_user_events_timestamp ON user_events (timestamp);
    END IF;
END $$;
CREATE SCHEMA IF NOT EXISTS pipeline;
CREATE TABLE IF NOT EXISTS pipeline.loaded_hours (
    hour TIMESTAMP PRIMARY KEY, rows BIGINT NOT NULL, digest TEXT NOT NULL,
    loaded_at TIMESTAMP NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'));
CREATE TABLE IF NOT EXISTS pipeline.item_days (
    item_id BIGINT, day DATE, category VARCHAR(50), brand VARCHAR(100), price NUMERIC(10, 2),
    PRIMARY KEY (item_id, day));
CREATE TABLE IF NOT EXISTS pipeline.catalog (
    item_id BIGINT PRIMARY KEY, name VARCHAR(200), category VARCHAR(50), brand VARCHAR(100), price NUMERIC(10, 2),
    description TEXT, image_url VARCHAR(500));
CREATE TABLE IF NOT EXISTS pipeline.catalog_file (digest TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS pipeline.leases (warehouse TEXT PRIMARY KEY, epoch BIGINT NOT NULL);
"""
# At most one row: the warehouse that owns the database. Null path: unknown. Null released_at: not released.
OWNER = """
CREATE TABLE IF NOT EXISTS pipeline.owner (
    singleton BOOLEAN PRIMARY KEY DEFAULT true CHECK (singleton),
    warehouse TEXT NOT NULL, path TEXT, released_at TIMESTAMPTZ);
"""
SCHEMA += OWNER
# For a database that is older than the column.
ADD_COLUMN = """
DO $$ BEGIN  -- IF NOT EXISTS would wait for any reader and writer, even where the column exists
    IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'user_events'::regclass AND attname = '{name}') THEN
        ALTER TABLE user_events ADD COLUMN {definition};
    END IF;
END $$;
"""
SCHEMA += "".join(ADD_COLUMN.format(name=column.name, definition=_define(column)) for column in ADDED_LATER)
# Created after the rows of the first load are written: building an index over existing rows is cheaper than growing it
# row by row. Loading itself needs only the index by time, which grows at its end.
INDEXES = """
CREATE INDEX IF NOT EXISTS idx_user_events_user_id ON user_events (user_id);
CREATE INDEX IF NOT EXISTS idx_user_events_item_id ON user_events (item_id);
CREATE INDEX IF NOT EXISTS idx_user_events_event_type ON user_events (event_type);
CREATE INDEX IF NOT EXISTS idx_items_category ON items (category);
CREATE INDEX IF NOT EXISTS idx_items_price ON items (price);
"""
# Each day has its own staging tables, so that executors fill many days at the same time and a day is one short
# transaction. Each table has a further first column, `attempt`: the task that sent the row.
STAGED = {
    "staging_events": ", ".join(map(_define, SERVED)),
    "staging_items": "item_id BIGINT, category VARCHAR(50), brand VARCHAR(100), price NUMERIC(10, 2)",
}
LEFT_OVER = """
SELECT format('pipeline.%I', tablename) FROM pg_tables WHERE schemaname = 'pipeline' AND tablename LIKE 'staging%'
"""
# Ends the connections of this attempt's tasks: an abandoned task may be frozen within its transaction.
END_COPIES = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE starts_with(application_name, %s)
"""
# The staged rows that count. Reason for CASE: without statistics of the table, the planner would expect one row of 200
# for each attempt, and choose plans for few rows.
STAGED_VIEW = """
CREATE TEMP VIEW {table} AS
    SELECT {columns} FROM {source} WHERE CASE WHEN attempt = ANY (%s::bigint[]) THEN true END
"""
# In the statements below, LATERAL with LIMIT 1 makes the planner look up each item by the primary key of item_days.
# PostgreSQL's statistics do not know a new day. The planner would expect one row of it, and compare every item of the
# day with every other one.
#
# `transforms.digest.digest_item` in SQL: rows and digest of the day's values of the staged items.
ITEMS_OF_DAY = """
SELECT count(*), coalesce(sum(('x' || substr(md5(concat_ws('|', item_id, coalesce('=' || category, ''),
    coalesce('=' || brand, ''), coalesce('=' || price, ''))), 1, 8))::bit(32)::bigint), 0)::bigint
FROM (SELECT item_id AS staged_id FROM staged_items) AS s CROSS JOIN LATERAL (
    SELECT item_id, category, brand, price FROM pipeline.item_days WHERE item_id = staged_id AND day = %s LIMIT 1) AS d
"""
# The staged items that were recomputed: how many there are, how many are right in `items`, and one that is not. This is
# independent of RECOMPUTE_ITEMS: values of items.csv come first, then staged values where no later day exists. The
# expected name is derived from the row itself.
ITEMS_SERVED = """
SELECT count(*), count(*) FILTER (WHERE ok), min(item_id) FILTER (WHERE ok IS NOT TRUE)
FROM (
    SELECT item_id, i.item_id IS NOT NULL
        AND i.category IS NOT DISTINCT FROM coalesce(c.category, CASE WHEN latest THEN s.category END, i.category)
        AND i.brand IS NOT DISTINCT FROM coalesce(c.brand, CASE WHEN latest THEN s.brand END, i.brand)
        AND i.price IS NOT DISTINCT FROM coalesce(c.price, CASE WHEN latest THEN nullif(s.price, 0) END, i.price)
        AND i.name = coalesce(c.name, CASE
            WHEN i.brand IS NULL AND part = '' THEN 'item ' || item_id
            WHEN i.brand IS NULL THEN part
            WHEN part = '' THEN i.brand
            ELSE i.brand || ' ' || part END) AS ok
    FROM (SELECT item_id FROM touched) AS t JOIN (
        SELECT *, NOT EXISTS (
            SELECT FROM pipeline.item_days d WHERE d.item_id = staged_items.item_id AND d.day > %s) AS latest
        FROM staged_items) AS s USING (item_id)
        LEFT JOIN items i USING (item_id) LEFT JOIN pipeline.catalog c USING (item_id)
        CROSS JOIN LATERAL (
            SELECT coalesce(reverse(split_part(reverse(i.category), '.', 1)), '') AS part) AS spelled) AS compared
"""
# `transforms.digest.digest_hours` in SQL: rows and digest of each hour in these windows. concat_ws skips a null.
HOURS = f"""
SELECT date_trunc('hour', timestamp), count(*), sum(('x' || substr(md5(concat_ws('|', user_id, item_id, event_type,
    (extract(epoch FROM timestamp) * 1000000)::bigint, coalesce(rating::text, ''), coalesce(price::text, ''),
    coalesce(session_id, ''){"".join(f", '{column.name}=' || {column.name}" for column in ADDED_LATER)})), 1, 8))
    ::bit(32)::bigint)::bigint
FROM user_events WHERE {{where}} GROUP BY 1
"""
# Only differences are written: an existing row that is staged unchanged keeps its event_id. `more`: staged rows that do
# not exist yet. `fewer`: existing rows that are not staged. Both count equal rows.
DIFFERENCE = """
CREATE TEMP TABLE more ON COMMIT DROP AS
    SELECT {names} FROM staged_events EXCEPT ALL SELECT {names} FROM user_events WHERE {where};
CREATE TEMP TABLE fewer ON COMMIT DROP AS
    SELECT {names} FROM user_events WHERE {where} EXCEPT ALL SELECT {names} FROM staged_events;
"""
TAKE_OUT = f"""
DELETE FROM user_events WHERE event_id IN (
    SELECT event_id FROM (
        SELECT event_id, times, row_number() OVER (
            PARTITION BY {", ".join(f"e.{name}" for name in EVENTS)} ORDER BY event_id DESC) AS place
        FROM user_events e
        JOIN (SELECT {{names}}, count(*) AS times FROM fewer GROUP BY {{names}}) AS f
            USING ({", ".join(REQUIRED)})
        WHERE ({", ".join(f"e.{name}" for name in OPTIONAL)})
            IS NOT DISTINCT FROM ({", ".join(f"f.{name}" for name in OPTIONAL)})) AS equal
    WHERE place <= times)
"""
# The items whose values of this day have changed, or that the day no longer has. These are all staged items if one of
# the hours is not in the ledger: the hour is new, or somebody deleted it so that it is loaded again.
TOUCHED = """
CREATE TEMP TABLE touched ON COMMIT DROP AS
    SELECT item_id, s.category IS NOT NULL AS says_category, s.brand IS NOT NULL AS says_brand
    FROM staged_items s LEFT JOIN LATERAL (
        SELECT item_id AS known_id, category, brand, price FROM pipeline.item_days
        WHERE item_id = s.item_id AND day = %s LIMIT 1) AS d ON true
    WHERE known_id IS NULL OR (s.category, s.brand, s.price) IS DISTINCT FROM (d.category, d.brand, d.price)
        OR EXISTS (SELECT FROM unnest(%s) AS arrived (hour) WHERE hour NOT IN (SELECT hour FROM pipeline.loaded_hours))
UNION ALL
    SELECT item_id, false, false FROM unnest(%s::bigint[]) AS lost (item_id)
    WHERE item_id NOT IN (SELECT item_id FROM staged_items)
"""
# The day's values of the touched items: those that are staged are written, the others are removed.
WRITE_ITEM_DAYS = """
INSERT INTO pipeline.item_days (item_id, day, category, brand, price)
    SELECT item_id, %s, category, brand, price FROM staged_items JOIN touched USING (item_id)
ON CONFLICT (item_id, day) DO UPDATE SET category = excluded.category, brand = excluded.brand, price = excluded.price
"""
REMOVE_ITEM_DAYS = """
DELETE FROM pipeline.item_days WHERE day = %s AND item_id = ANY (ARRAY(
    SELECT item_id FROM touched WHERE item_id NOT IN (SELECT item_id FROM staged_items)))
"""
# An item's values come from items.csv, else from its latest day that has them. A price of 0 counts only where no price
# is above 0. The latest day mostly has all values. Earlier days are read only for values that it does not have, and not
# where the item had no such value so far and the new data has none either. `touched`: an item, and whether the new data
# has its category and its brand.
RECOMPUTE_ITEMS = """
WITH latest AS MATERIALIZED (
    SELECT t.item_id,
        coalesce(last.category, CASE WHEN i.item_id IS NULL OR i.category IS NOT NULL OR t.says_category THEN
            (SELECT category FROM pipeline.item_days d WHERE d.item_id = t.item_id AND category IS NOT NULL
             ORDER BY day DESC LIMIT 1) END) AS category,
        coalesce(last.brand, CASE WHEN i.item_id IS NULL OR i.brand IS NOT NULL OR t.says_brand THEN
            (SELECT brand FROM pipeline.item_days d WHERE d.item_id = t.item_id AND brand IS NOT NULL
             ORDER BY day DESC LIMIT 1) END) AS brand,
        coalesce(nullif(last.price, 0),
            (SELECT price FROM pipeline.item_days d WHERE d.item_id = t.item_id AND price > 0
             ORDER BY day DESC LIMIT 1),
            (SELECT price FROM pipeline.item_days d WHERE d.item_id = t.item_id AND price IS NOT NULL
             LIMIT 1)) AS price
    FROM touched t LEFT JOIN items i USING (item_id) LEFT JOIN LATERAL (
        SELECT d.item_id, category, brand, price FROM pipeline.item_days d WHERE d.item_id = t.item_id
        ORDER BY day DESC LIMIT 1) AS last ON true
    WHERE last.item_id IS NOT NULL OR EXISTS (SELECT 1 FROM pipeline.catalog c WHERE c.item_id = t.item_id)),
described AS (
    SELECT item_id, c.name, coalesce(c.category, l.category) AS category, coalesce(c.brand, l.brand) AS brand,
        coalesce(c.price, l.price) AS price, c.description, c.image_url
    FROM latest l LEFT JOIN pipeline.catalog c USING (item_id)),
named AS (
    SELECT item_id, category, brand, price, description, image_url,
        coalesce(name, nullif(concat_ws(' ', brand, nullif(substring(category FROM '[^.]*$'), '')), ''),
            'item ' || item_id) AS name
    FROM described)
INSERT INTO items (item_id, name, category, brand, price, description, image_url)
SELECT item_id, n.name, n.category, n.brand, n.price, n.description, n.image_url
FROM named n LEFT JOIN items i USING (item_id)
WHERE (i.name, i.category, i.brand, i.price, i.description, i.image_url) IS DISTINCT FROM (n.name, n.category,
    n.brand, n.price, n.description, n.image_url)
ON CONFLICT (item_id) DO UPDATE SET name = excluded.name, category = excluded.category, brand = excluded.brand,
    price = excluded.price, description = excluded.description, image_url = excluded.image_url
"""
# Items that no longer occur in any event or in items.csv.
ORPHANS = """
DELETE FROM items USING touched t WHERE items.item_id = t.item_id
    AND NOT EXISTS (SELECT 1 FROM pipeline.item_days d WHERE d.item_id = t.item_id)
    AND NOT EXISTS (SELECT 1 FROM pipeline.catalog c WHERE c.item_id = t.item_id)
"""
