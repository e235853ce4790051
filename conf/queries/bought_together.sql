-- Pairs of items that the same users bought; a lift above 1 means more often together than by chance.
WITH bought AS (SELECT DISTINCT user_id, item_id FROM daily_interactions WHERE purchase_count > 0),
buyers AS (SELECT item_id, count(*) AS users FROM bought GROUP BY item_id),
pairs AS (
  SELECT a.item_id AS item, b.item_id AS other, count(*) AS together
  FROM bought AS a JOIN bought AS b ON a.user_id = b.user_id AND a.item_id < b.item_id
  GROUP BY 1, 2
)
SELECT
  item,
  other,
  together,
  round(together * (SELECT count(DISTINCT user_id) FROM bought) / (x.users * y.users), 2) AS lift
FROM pairs JOIN buyers AS x ON item = x.item_id JOIN buyers AS y ON other = y.item_id
ORDER BY together DESC, lift DESC, item, other
LIMIT 20
