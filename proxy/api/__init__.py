"""HTTP in, HTTP out. `routes` is the index of the API."""
