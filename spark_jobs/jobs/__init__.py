"""One file for each spark-submit, in the order of the flow."""
