"""Measurements against other libraries; never a test gate. See README.md beside this file."""
