-- Every version of user_events: when it was written, by which operation, how many rows and files that touched.
DESCRIBE HISTORY delta.`${spark.pipeline.warehouse}/user_events`
