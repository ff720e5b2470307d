"""What the items of lists in a law look like, and what they cover; one form of `keys.Kind` a file.

Each file has `problem(item)`, which returns what an item must be, or nothing when it is that;
`covers(pattern, asked)`, which tells whether an allowed pattern permits all of what is asked; and,
where that is something else, `touches(pattern, asked)`, which tells whether a denied pattern names
any of it.
"""
