"""The pages of docs/reference that are generated from the code: each module describes one subject in Markdown."""
