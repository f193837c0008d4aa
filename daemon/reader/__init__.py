"""The worker pool: raw mail → Reading, in processes that can be killed."""
