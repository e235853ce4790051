"""Raw shop events to recommender-ready tables: jobs, the rules they apply and the tables they write."""
