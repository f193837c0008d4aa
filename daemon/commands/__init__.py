"""One module per verb, thin over a callable. Imported only when its verb is called."""
