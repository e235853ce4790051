"""The verdict on an hour: its measures, what it usually holds, Great Expectations."""
