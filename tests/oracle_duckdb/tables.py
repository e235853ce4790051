"""The rules of the tables in plain SQL. Money is in whole cents and scores are in whole millionths, so every half-up
rounding and every sum is exact."""

from collections.abc import Mapping
from decimal import Decimal

LATEST = (
    "timestamp DESC, price DESC NULLS LAST, session_id ASC NULLS LAST, category_id ASC NULLS LAST, "
    "category_code ASC NULLS LAST, brand ASC NULLS LAST, rating ASC NULLS LAST"
)
COLUMNS = "user_id, item_id, event_type, timestamp, session_id, rating, price, category_id, category_code, brand"


def latest_known(column: str, condition: str = "") -> str:
    """Return the SQL for the value of the latest event that has one."""
    return f"first({column} ORDER BY {LATEST}) FILTER (WHERE {condition or f'{column} IS NOT NULL'})"


MACROS = """
CREATE MACRO cents(amount) AS CAST(amount * 100 AS BIGINT);
CREATE MACRO half_up(total, n) AS (2 * CAST(total AS HUGEINT) + n) // (2 * n);
CREATE MACRO hundredths(n) AS CAST(CAST(n AS DECIMAL(18, 0)) * CAST('0.01' AS DECIMAL(3, 2)) AS DECIMAL(18, 2));
CREATE MACRO average(total, n) AS
    CAST(CAST(half_up(total, n) AS DECIMAL(18, 0)) * CAST('0.0001' AS DECIMAL(5, 4)) AS DECIMAL(12, 4));
"""

WEIGHTS = {"view": "1", "cart": "3", "rating": "4", "purchase": "5"}


def weight_macro(weights: Mapping[str, str]) -> str:
    """Return the SQL of a macro: the weight of an event type in whole millionths."""
    cases = " ".join(f"WHEN '{kind}' THEN {Decimal(text) * 1_000_000:.0f}" for kind, text in weights.items())
    return f"CREATE MACRO weight(event_type) AS CASE event_type {cases} END"


STOPPED = """
CREATE TABLE stopped AS
SELECT hour FROM raw_rows
WHERE hour IS NOT NULL AND NOT list_contains(reasons, 'event_type_ignored') AND NOT $accept
GROUP BY hour HAVING 10 * count(*) FILTER (WHERE len(reasons) > 0) > count(*)
"""

USER_EVENTS = f"""
CREATE TABLE user_events AS
SELECT {COLUMNS} FROM raw_rows WHERE len(reasons) = 0 AND hour NOT IN (SELECT hour FROM stopped)
"""

REJECTED = """
CREATE TABLE rejected_events AS
SELECT hour, file_name, reasons, raw_text FROM raw_rows
WHERE len(reasons) > 0 AND (hour IS NULL OR hour NOT IN (SELECT hour FROM stopped))
"""

DEDUPED = f"""
CREATE TABLE deduped_events AS
SELECT {COLUMNS} FROM (
    SELECT *, row_number() OVER (
        PARTITION BY user_id, item_id, event_type, date_trunc('minute', timestamp) ORDER BY {LATEST}) AS place
    FROM user_events)
WHERE place = 1 OR list_contains($exempt, event_type)
"""


def median_prices(name: str, columns: str, condition: str = "true") -> str:
    """Return a CTE of the mean of the middle two prices above 0 by day and these columns, in cents, rounded half up."""
    keys = "timestamp::DATE" + (f", {columns}" if columns else "")
    return f"""
{name} AS (
    SELECT day{", " + columns if columns else ""}, half_up(sum(cents), count(*)) AS middle FROM (
        SELECT timestamp::DATE AS day, * EXCLUDE timestamp, cents(price) AS cents,
            row_number() OVER (PARTITION BY {keys} ORDER BY price) AS place, count(*) OVER (PARTITION BY {keys}) AS n
        FROM deduped_events WHERE price > 0 AND {condition})
    WHERE place IN ((n + 1) // 2, n // 2 + 1) GROUP BY ALL)"""


RATINGS = """
ratings AS (
    SELECT timestamp::DATE AS day, item_id, half_up(sum(cents(rating)), count(*)) AS mean
    FROM deduped_events WHERE rating IS NOT NULL GROUP BY GROUPING SETS ((timestamp::DATE, item_id), (timestamp::DATE)))
"""

CLEANED = f"""
CREATE TABLE cleaned_events AS
WITH {median_prices("by_item", "item_id")}, {median_prices("by_category", "category_id", "category_id IS NOT NULL")},
{median_prices("by_day", "")}, {RATINGS},
known AS (
    SELECT e.* EXCLUDE (price, rating), nullif(price, 0) AS price, rating,
        i.middle AS item_price, c.middle AS category_price, d.middle AS day_price,
        CASE WHEN event_type = 'rating' THEN ri.mean END AS item_rating,
        CASE WHEN event_type = 'rating' THEN rd.mean END AS day_rating
    FROM deduped_events e
    LEFT JOIN by_item i ON i.day = e.timestamp::DATE AND i.item_id = e.item_id
    LEFT JOIN by_category c ON c.day = e.timestamp::DATE AND c.category_id = e.category_id
    LEFT JOIN by_day d ON d.day = e.timestamp::DATE
    LEFT JOIN ratings ri ON ri.day = e.timestamp::DATE AND ri.item_id = e.item_id
    LEFT JOIN ratings rd ON rd.day = e.timestamp::DATE AND rd.item_id IS NULL)
SELECT user_id, item_id, event_type, timestamp, session_id,
    CAST(coalesce(rating, hundredths(item_rating), hundredths(day_rating)) AS DECIMAL(10, 2)) AS rating,
    CAST(coalesce(price, hundredths(item_price), hundredths(category_price), hundredths(day_price))
        AS DECIMAL(10, 2)) AS price,
    category_id, category_code, brand,
    CASE WHEN price IS NOT NULL THEN 'given' WHEN item_price IS NOT NULL THEN 'item'
        WHEN category_price IS NOT NULL THEN 'category' WHEN day_price IS NOT NULL THEN 'day' ELSE 'none'
        END AS price_source,
    CASE WHEN rating IS NOT NULL THEN 'given' WHEN item_rating IS NOT NULL THEN 'item'
        WHEN day_rating IS NOT NULL THEN 'day' ELSE 'none' END AS rating_source
FROM known
"""

MATRIX = """
CREATE TABLE user_item_matrix AS
SELECT user_id, item_id, CAST(sum(weight(event_type)) AS DOUBLE) / 1000000 AS score
FROM cleaned_events GROUP BY user_id, item_id
"""

COUNTS = """
    count(*) AS total_events,
    count(*) FILTER (WHERE event_type = 'view') AS view_count,
    count(*) FILTER (WHERE event_type = 'cart') AS cart_count,
    count(*) FILTER (WHERE event_type = 'purchase') AS purchase_count,
    count(*) FILTER (WHERE event_type = 'rating') AS rating_count"""
AVG_PRICE = "average(100 * sum(cents(price)), nullif(count(price), 0)) AS avg_price"
BOUGHT = "FILTER (WHERE event_type = 'purchase')"

USER_FEATURES = f"""
CREATE TABLE user_features AS
WITH category AS (
    SELECT user_id, category_id, sum(weight(event_type)) AS score,
        sum(sum(weight(event_type))) OVER (PARTITION BY user_id) AS whole
    FROM cleaned_events GROUP BY user_id, category_id),
ranked AS (
    SELECT *, row_number() OVER (PARTITION BY user_id ORDER BY score DESC, category_id ASC) AS place
    FROM category WHERE category_id IS NOT NULL),
preference AS (
    SELECT user_id, min(category_id) FILTER (WHERE place = 1) AS preferred_category,
        list({{'category_id': category_id, 'share': CAST(score AS DOUBLE) / CAST(whole AS DOUBLE)}} ORDER BY place)
            AS category_preference
    FROM ranked WHERE place <= 5 GROUP BY user_id),
part AS (
    SELECT user_id, CASE WHEN hour(timestamp) <= 6 THEN 1 WHEN hour(timestamp) <= 12 THEN 2
        WHEN hour(timestamp) <= 18 THEN 3 ELSE 4 END AS number, count(*) AS events
    FROM cleaned_events GROUP BY ALL),
preferred AS (
    SELECT user_id, ['dawn', 'morning', 'afternoon', 'evening'][first(number ORDER BY events DESC, number)]
        AS preferred_time
    FROM part GROUP BY user_id),
totals AS (
    SELECT user_id, {COUNTS}, count(DISTINCT item_id) AS unique_items, {AVG_PRICE},
        hundredths(coalesce(sum(cents(price)) {BOUGHT}, 0)) AS total_spent,
        average(100 * sum(cents(price)) {BOUGHT}, nullif(count(price) {BOUGHT}, 0)) AS avg_purchase_amount,
        count(DISTINCT timestamp::DATE) AS active_days,
        average(10000 * count(*) {BOUGHT}, count(DISTINCT timestamp::DATE)) AS purchase_frequency,
        min(timestamp) AS first_seen, max(timestamp) AS last_seen
    FROM cleaned_events GROUP BY user_id)
SELECT * EXCLUDE (first_seen, last_seen, preferred_category, category_preference, preferred_time),
    preferred_category, coalesce(category_preference, []) AS category_preference, preferred_time,
    first_seen, last_seen, (SELECT max(timestamp)::DATE FROM cleaned_events) AS as_of
FROM totals LEFT JOIN preference USING (user_id) JOIN preferred USING (user_id)
"""

ITEM_FEATURES = f"""
CREATE TABLE item_features AS
WITH totals AS (
    SELECT item_id, {COUNTS}, count(DISTINCT user_id) AS unique_users,
        count(DISTINCT user_id) {BOUGHT} AS unique_purchasers,
        average(100 * sum(cents(rating)) FILTER (WHERE rating_source = 'given'),
            nullif(count(*) FILTER (WHERE rating_source = 'given'), 0)) AS avg_rating,
        {AVG_PRICE}, {latest_known("category_id")} AS category_id, {latest_known("category_code")} AS category_code,
        {latest_known("brand")} AS brand, min(timestamp) AS first_seen, max(timestamp) AS last_seen
    FROM cleaned_events GROUP BY item_id),
most AS (
    SELECT nullif(max(view_count), 0)::DOUBLE AS views, nullif(max(purchase_count), 0)::DOUBLE AS bought FROM totals)
SELECT totals.* EXCLUDE (category_id, category_code, brand, first_seen, last_seen),
    CASE WHEN avg_price <= 30 THEN 'budget' WHEN avg_price <= 100 THEN 'mid' WHEN avg_price <= 300 THEN 'premium'
        WHEN avg_price IS NOT NULL THEN 'luxury' END AS price_range,
    0.3::DOUBLE * coalesce(view_count / views, 0) + 0.7::DOUBLE * coalesce(purchase_count / bought, 0)
        AS popularity_score,
    category_id, category_code, brand, first_seen, last_seen,
    (SELECT max(timestamp)::DATE FROM cleaned_events) AS as_of
FROM totals, most
"""

ITEMS = f"""
CREATE TABLE items AS
WITH latest AS (
    SELECT item_id, {latest_known("category_code")} AS category, {latest_known("brand")} AS brand,
        coalesce({latest_known("price", "price > 0")}, max(price)) AS price
    FROM user_events GROUP BY item_id),
part AS (SELECT *, nullif(trim(split_part(category, '.', -1), E' \\t'), '') IS NOT NULL AS has_part FROM latest)
SELECT item_id, CASE WHEN brand IS NULL AND NOT has_part THEN 'item ' || item_id
    ELSE concat_ws(' ', brand, CASE WHEN has_part THEN split_part(category, '.', -1) END) END AS name,
    category, brand, price
FROM part
"""
