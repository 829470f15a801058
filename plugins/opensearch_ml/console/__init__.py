"""The pages of the console: routes, permissions, templates. What they show is made by `sparse_index.console`."""
