"""What a run shows to people, schedulers, Prometheus and collectors of logs, without passwords."""
