-- Buyers by the number of days on which they bought, and what they spent together.
WITH days AS (
  SELECT user_id, event_date, sum(spent_sum) AS spent
  FROM daily_interactions
  WHERE purchase_count > 0
  GROUP BY user_id, event_date
),
buyers AS (SELECT user_id, count(*) AS buying_days, sum(spent) AS spent FROM days GROUP BY user_id)
SELECT buying_days, count(*) AS buyers, sum(spent) AS spent
FROM buyers
GROUP BY buying_days
ORDER BY buying_days
