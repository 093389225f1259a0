"""The sources' own recipes in the tools that they used, and ours to the same accuracy."""
