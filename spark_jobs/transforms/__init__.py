"""The rules: pure functions from DataFrames and plain values to DataFrames."""
