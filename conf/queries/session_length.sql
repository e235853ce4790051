-- Sessions with and without a purchase: how many, how long (minutes) and how many events, as median and 90th percentile.
WITH sessions AS (
  SELECT
    session_id,
    count(*) AS events,
    timestampdiff(SECOND, min(timestamp), max(timestamp)) / 60 AS minutes,
    max(event_type = 'purchase') AS bought
  FROM deduped_events
  WHERE session_id IS NOT NULL
  GROUP BY session_id
)
SELECT
  bought,
  count(*) AS sessions,
  round(percentile(minutes, 0.5), 2) AS median_minutes,
  round(percentile(minutes, 0.9), 2) AS p90_minutes,
  percentile(events, 0.5) AS median_events,
  percentile(events, 0.9) AS p90_events
FROM sessions
GROUP BY bought
ORDER BY bought
