"""A rule's formula and costs, and the code that compilers made of it."""
