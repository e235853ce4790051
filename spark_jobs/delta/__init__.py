"""Access to the Delta tables: read, replace and compact them.

Only this package and `recovery` import Delta, and only this package uses Spark's JVM gateway.
"""
