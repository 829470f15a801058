"""The routes, a module a page. Plain functions, which run in threads: one that waits keeps nobody else waiting."""
