"""The process that Spark runs in: Java, memory, variables, the classes' archive."""
