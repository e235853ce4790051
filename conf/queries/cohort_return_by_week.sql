-- Users by the week (Monday, UTC) of their first event, and how many of them returned after each number of weeks.
WITH weeks AS (
  SELECT DISTINCT user_id, date(date_trunc('week', event_date)) AS week FROM daily_interactions
),
cohorts AS (
  SELECT user_id, week, min(week) OVER (PARTITION BY user_id) AS first_week FROM weeks
)
SELECT
  first_week,
  cast(datediff(week, first_week) / 7 AS INT) AS weeks_later,
  count(*) AS users,
  round(count(*) / max(count(*)) OVER (PARTITION BY first_week), 4) AS share
FROM cohorts
GROUP BY 1, 2
ORDER BY 1, 2
