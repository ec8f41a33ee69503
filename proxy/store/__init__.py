"""Where extents are kept. Each store implements `engine.ports.ExtentStore`."""
