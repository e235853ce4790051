"""Raw files: listing, examination as a whole, splitting into text records. Runs on executors; no Spark, no Delta."""
