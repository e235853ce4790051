-- Views and purchases of items by price range (limits: conf/settings.toml), and purchases for each 100 views.
SELECT
  coalesce(price_range, '(no price)') AS price_range,
  count(*) AS items,
  sum(view_count) AS views,
  sum(purchase_count) AS purchases,
  round(100 * sum(purchase_count) / nullif(sum(view_count), 0), 2) AS purchases_per_100_views
FROM item_features
GROUP BY 1
ORDER BY min(avg_price) NULLS LAST
