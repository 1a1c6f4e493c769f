"""Pure readers, one a kind of store: they yield what a store holds and write nothing."""
