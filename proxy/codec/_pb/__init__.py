"""Generated from `proto/` by `scripts/generate_pb.py`: do not edit."""
