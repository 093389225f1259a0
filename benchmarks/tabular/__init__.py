"""wellfit against seven other ways to learn from tables, on fifteen real ones."""
