"""Commands for developers: what is built, generated and demonstrated."""
