"""Read-only inspection of a warehouse: its ledger without Spark, its counting identities, what older rules built."""
