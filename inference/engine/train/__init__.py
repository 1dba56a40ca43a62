"""Training: `python -m inference.engine train --config compact`."""
