"""Transforms: the rules, as pure functions from DataFrames and plain values to DataFrames."""
