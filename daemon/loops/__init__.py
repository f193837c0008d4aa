"""The loops: claim, work, record. Each has one edge where any exception is logged, counted and survived."""
