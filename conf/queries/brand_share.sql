-- The twenty brands with the most money spent on them, and their share of all money spent.
SELECT
  coalesce(brand, '(none)') AS brand,
  count(*) AS purchases,
  sum(price) AS spent,
  round(sum(price) / (SELECT sum(price) FROM cleaned_events WHERE event_type = 'purchase'), 4) AS share
FROM cleaned_events
WHERE event_type = 'purchase'
GROUP BY 1
ORDER BY spent DESC NULLS LAST, brand
LIMIT 20
