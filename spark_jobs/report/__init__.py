"""The run report: one HTML page that opens from disk. `facts` counts, `charts` draws, `page` writes."""
