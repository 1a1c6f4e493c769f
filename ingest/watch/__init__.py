"""A watch of stores: what changes in them is landed as it comes."""
