"""The stages of a query, in order. Asynchronous, and knows the world only through `ports`."""
