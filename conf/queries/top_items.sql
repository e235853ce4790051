-- The twenty items with the highest popularity score.
SELECT item_id, brand, category_code, avg_price, view_count, purchase_count, round(popularity_score, 4) AS popularity
FROM item_features
ORDER BY popularity_score DESC, item_id
LIMIT 20
