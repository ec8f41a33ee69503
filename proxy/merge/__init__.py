"""Many partial answers into one."""
