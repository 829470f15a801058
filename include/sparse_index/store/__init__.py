"""The store: files under one address, their layout, SQL over them."""
