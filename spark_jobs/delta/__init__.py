"""The Delta tables: read, replaced, compacted. The only place that knows Delta and Spark's JVM."""
