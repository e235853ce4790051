"""A warehouse looked at, not changed: its ledger without Spark, its counts proven, what older rules made."""
