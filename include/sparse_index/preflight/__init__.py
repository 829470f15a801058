"""Everything that would make a build fail later, named before anything is made."""
