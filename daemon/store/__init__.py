"""The only SQL: plain synchronous functions that take a transaction, one module per noun."""
