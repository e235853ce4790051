"""The process that Spark runs in: Java, memory, environment variables, the archive of Java's classes."""
