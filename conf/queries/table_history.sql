-- Every version of user_events: when it was written, by which operation, and how many rows and files that changed.
DESCRIBE HISTORY delta.`${spark.pipeline.warehouse}/user_events`
