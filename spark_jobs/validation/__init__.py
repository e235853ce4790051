"""The verdict on an hour: its measures, the comparison with earlier weeks, Great Expectations."""
