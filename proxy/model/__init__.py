"""The values that every stage speaks. No I/O, no clock, no libraries but numpy."""
