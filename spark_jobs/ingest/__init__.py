"""Raw files into raw_events: which are read, what each gives, one commit for all."""
