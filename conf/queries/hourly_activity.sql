-- Events by hour of the day (UTC) and type, over all days.
SELECT
  hour(timestamp) AS hour,
  count_if(event_type = 'view') AS views,
  count_if(event_type = 'cart') AS carts,
  count_if(event_type = 'purchase') AS purchases,
  count(DISTINCT user_id) AS users
FROM deduped_events
GROUP BY 1
ORDER BY 1
