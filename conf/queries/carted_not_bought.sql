-- Users with the most money left in carts: items that they carted and never bought, at the latest price in the cart.
WITH pairs AS (
  SELECT
    user_id,
    item_id,
    max_by(price, timestamp) FILTER (WHERE event_type = 'cart') AS price,
    max(timestamp) FILTER (WHERE event_type = 'cart') AS carted,
    max(event_type = 'purchase') AS bought
  FROM cleaned_events
  GROUP BY user_id, item_id
)
SELECT user_id, count(*) AS items, sum(price) AS worth, max(carted) AS last_carted
FROM pairs
WHERE carted IS NOT NULL AND NOT bought
GROUP BY user_id
ORDER BY worth DESC NULLS LAST, user_id
LIMIT 20
