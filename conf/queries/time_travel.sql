-- Rows of user_events by type, now and in version 0; table_history lists other versions.
SELECT coalesce(now.event_type, then.event_type) AS event_type, then.rows AS rows_of_version_0, now.rows AS rows_now
FROM (SELECT event_type, count(*) AS rows FROM user_events GROUP BY 1) AS now
FULL JOIN (
  SELECT event_type, count(*) AS rows
  FROM delta.`${spark.pipeline.warehouse}/user_events` VERSION AS OF 0
  GROUP BY 1
) AS then ON now.event_type = then.event_type
ORDER BY 1
