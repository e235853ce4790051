"""What a run shows to people, schedulers and Prometheus, without passwords."""
