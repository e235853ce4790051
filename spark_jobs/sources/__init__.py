"""Raw files: which there are, what each is as a whole, its records as text. Runs on executors; no Spark, no Delta."""
