"""What a warehouse needs once a week."""
