"""Training from the desk's side: where labelled mails come from, what is measured, which model serves."""
