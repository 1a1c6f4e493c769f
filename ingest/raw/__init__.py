"""What the loader writes of a store and of what programs do: the schema `raw`, and nothing else writes it."""
