-- Rejected rows by reason and file, with an example; a row with two reasons is counted for both.
SELECT reason, file_name, count(*) AS rows, min(raw_text) AS example
FROM rejected_events LATERAL VIEW explode(reasons) AS reason
GROUP BY reason, file_name
ORDER BY rows DESC, reason, file_name
