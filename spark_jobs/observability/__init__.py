"""What people, schedulers and Prometheus see of a run, without a password."""
