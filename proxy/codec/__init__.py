"""Bytes from and to the model: the only home of orjson, snappy, protobuf and deflate."""
