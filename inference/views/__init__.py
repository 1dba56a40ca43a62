"""The pages, JSON and media of conversions."""
