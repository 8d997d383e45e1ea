"""How fast a base over OData is pulled, against a loop that somebody would write by hand for it."""
