-- Users who viewed something in a main category, and how many of them carted and bought something there.
WITH of_user AS (
  SELECT
    coalesce(split_part(category_code, '.', 1), '(none)') AS category,
    user_id,
    max(event_type = 'view') AS viewed,
    max(event_type = 'cart') AS carted,
    max(event_type = 'purchase') AS bought
  FROM cleaned_events
  GROUP BY 1, 2
)
SELECT
  category,
  count_if(viewed) AS viewers,
  count_if(viewed AND carted) AS then_carted,
  count_if(viewed AND bought) AS then_bought,
  round(count_if(viewed AND bought) / count_if(viewed), 4) AS bought_share
FROM of_user
GROUP BY category
HAVING count_if(viewed) > 0
ORDER BY viewers DESC, category
